/**
 * The header blocks that we send, whole HEADERS frames, made once; a stream only puts its id into its copy.
 *
 *     headers        :status 200, content-type, grpc-accept-encoding                first
 *     trailers       grpc-status, grpc-message                                      last
 *     trailers only  both of them in one                                            an error before any message
 *     refusal        :status 415                                                    this is no gRPC
 *     http           :status 200, content-type, ...                                 nor is this, and it is answered
 *
 * Fields are written as literals that nobody is to remember (RFC 7541, 6.2.2): so a block means the same on every connection at any
 * time. What remembering would save, some thirty bytes a call, is not worth a block for each connection.
 */

import { Status } from '../../base/index.ts';
import type { CallStatus } from '../port.ts';
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, FrameFlag, FrameType, writeUint32 } from './frame.ts';
import { STATIC_TABLE } from './header-table.ts';

type Field = readonly [name: string, value: string];

/** Of a status that is told: so that it fits into a frame with what is around it. */
const STATUS_TEXT_BYTES_MAX = 8 * 1024;

const RESPONSE: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', 'identity,gzip'],
];

/** Before the first message. */
export const RESPONSE_HEADERS: Buffer = headersFrame(RESPONSE, false);

const OK_TRAILERS: Buffer = headersFrame([['grpc-status', '0']], true);

export function trailers(status: CallStatus): Buffer {
  return status.code === Status.ok ? OK_TRAILERS : headersFrame(statusFields(status), true);
}

/** For a call that ends before it has sent anything. */
export function trailersOnly(status: CallStatus): Buffer {
  return headersFrame([...RESPONSE, ...statusFields(status)], true);
}

/** For a request that is none of gRPC. */
export function httpRefusal(httpStatus: number): Buffer {
  return headersFrame([[':status', String(httpStatus)]], true);
}

/** Of an answer to such a request. Names are written in lower case, as HTTP/2 demands. */
export function httpHeaders(httpStatus: number, headers: Readonly<Record<string, string>>): Buffer {
  const fields = Object.entries(headers).map(([name, value]): Field => [name.toLowerCase(), value]);
  return headersFrame([[':status', String(httpStatus)], ...fields], false);
}

function statusFields({ code, message }: CallStatus): Field[] {
  const text = Buffer.from(message).subarray(0, STATUS_TEXT_BYTES_MAX / 3);
  const fields: Field[] = [['grpc-status', String(code)]];
  if (code !== Status.ok && text.length > 0) fields.push(['grpc-message', percentEncoded(text)]);
  return fields;
}

/** gRPC's way to put any text into a header: what is not printable ASCII, and the percent sign, as %XX. */
function percentEncoded(text: Buffer): string {
  let encoded = '';
  for (const byte of text) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function headersFrame(fields: readonly Field[], isEndOfStream: boolean): Buffer {
  const block = headerBlock(fields);
  if (block.length > FRAME_BYTES_MAX) throw new RangeError('headers that do not fit into a frame');
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + block.length);
  writeUint32(frame, 0, block.length * 256 + FrameType.headers);
  frame[4] = FrameFlag.endHeaders | (isEndOfStream ? FrameFlag.endStream : 0);
  block.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

/** The block of these fields, which depends on nothing and leaves nothing behind. */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => encodedField(name, value)));
}

function encodedField(name: string, value: string): Buffer {
  const whole = STATIC_TABLE.findIndex((entry) => entry.name === name && entry.value === value && value !== '');
  if (whole >= 0) return integer(0x80, 0x7f, whole + 1);
  const index = STATIC_TABLE.findIndex((entry) => entry.name === name) + 1;
  return Buffer.concat([integer(0, 0x0f, index), ...(index === 0 ? [text(name)] : []), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(0, 0x7f, bytes.length), bytes]);
}

/** A number in the bits of `mask`, with `above` in those above them, and what does not fit behind (RFC 7541, 5.1). */
function integer(above: number, mask: number, value: number): Buffer {
  if (value < mask) return Buffer.of(above | value);
  const bytes = [above | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
