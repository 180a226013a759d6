/** SETTINGS: what we tell a client at the beginning, and what we take from it. */

import {
  ConnectionError,
  ErrorCode,
  readUint32,
  SettingId,
  WINDOW_BYTES_INITIAL,
  WINDOW_BYTES_MAX,
  writeUint32,
} from './frame.ts';
import { HEADER_LIST_BYTES_MAX, STREAM_WINDOW_BYTES, STREAMS_MAX } from './limits.ts';

const SETTING_BYTES = 6;

/** The payload of our SETTINGS. */
export function ownSettings(streamsMax: number): Buffer {
  const settings: readonly (readonly [number, number])[] = [
    [SettingId.streamsMax, Math.min(streamsMax, STREAMS_MAX)],
    [SettingId.initialWindowSize, STREAM_WINDOW_BYTES],
    [SettingId.headerListBytesMax, HEADER_LIST_BYTES_MAX],
  ];
  const payload = Buffer.alloc(settings.length * SETTING_BYTES);
  settings.forEach(([id, value], index) => {
    payload[index * SETTING_BYTES + 1] = id;
    writeUint32(payload, index * SETTING_BYTES + 2, value);
  });
  return payload;
}

/**
 * The window of streams that a client's SETTINGS leave, which was `windowBytes` before. Nothing else in them concerns us: our frames are never
 * larger than every client must take, our header blocks need no table, and we push nothing. Throws ConnectionError.
 */
export function streamWindowOf(payload: Buffer, windowBytes: number): number {
  if (payload.length % SETTING_BYTES !== 0) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS cut off');
  let result = windowBytes;
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    const id = payload.readUInt16BE(at);
    const value = readUint32(payload, at + 2);
    if (id === SettingId.enablePush && value > 1)
      throw new ConnectionError(ErrorCode.protocolError, 'ENABLE_PUSH is 0 or 1');
    if (id === SettingId.frameBytesMax && (value < 2 ** 14 || value >= 2 ** 24)) {
      throw new ConnectionError(ErrorCode.protocolError, `MAX_FRAME_SIZE of ${value}`);
    }
    if (id !== SettingId.initialWindowSize) continue;
    if (value > WINDOW_BYTES_MAX) throw new ConnectionError(ErrorCode.flowControlError, `a window of ${value}`);
    result = value;
  }
  return result;
}

/** What we add to the window of the connection at the beginning. */
export const windowAdded = (windowBytes: number): number => windowBytes - WINDOW_BYTES_INITIAL;
