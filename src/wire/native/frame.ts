/**
 * The shapes and numbers of HTTP/2 (RFC 9113): what frames look like, what they are called, and how a connection is refused.
 *
 *     +-----------+------+-------+---+-----------+---------+
 *     | length 24 | type | flags | 0 | stream 31 | payload |      stream 0: the connection itself
 *     +-----------+------+-------+---+-----------+---------+
 */

export const FRAME_HEADER_BYTES = 9;

/** Largest payload that we take and that we send: what every peer must accept. Larger frames would only hold up others. */
export const FRAME_BYTES_MAX = 16_384;

/** What a client says first. */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Size of every window until somebody says otherwise. */
export const WINDOW_BYTES_INITIAL = 65_535;

/** No window may grow beyond this. */
export const WINDOW_BYTES_MAX: number = 2 ** 31 - 1;

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FrameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const SettingId = {
  headerTableSize: 1,
  enablePush: 2,
  streamsMax: 3,
  initialWindowSize: 4,
  frameBytesMax: 5,
  headerListBytesMax: 6,
} as const;

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
  http11Required: 13,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The client has broken the rules in a way that the connection does not survive. `message` goes to it in GOAWAY. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
