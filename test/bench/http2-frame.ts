/**
 * The few bytes of HTTP/2 (RFC 9113) and gRPC that the load generator writes itself.
 *
 *     frame:        length 24 | type 8 | flags 8 | 0 | stream 31 | payload
 *     gRPC message: compressed 8 (0) | length 32 | bytes
 *
 * Header fields are written as literals without indexing (RFC 7541, 6.2.2): no state on either side, so one block serves for
 * every request of a connection.
 */

export const FRAME_HEADER_BYTES = 9;
export const MESSAGE_HEADER_BYTES = 5;
/** What a peer must accept in one frame unless it says otherwise. */
export const FRAME_PAYLOAD_BYTES_MAX = 16_384;
/** The size of every window before anyone has said anything. */
export const WINDOW_BYTES_INITIAL = 65_535;

export const FrameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FrameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

export const SettingId = { enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 } as const;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FrameType.windowUpdate, 0, stream, payload);
}

/** What a client says first: it wants no pushes, keeps the initial window of streams, and opens that of the connection to `windowBytes`. */
export function clientPreface(windowBytes: number): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(SettingId.enablePush, 0);
  return Buffer.concat([
    PREFACE,
    frame(FrameType.settings, 0, 0, settings),
    windowUpdate(0, windowBytes - WINDOW_BYTES_INITIAL),
  ]);
}

/** The header block of a gRPC request for `path`, as in /etcdserverpb.KV/Put, of the user of this token. */
export function requestHeaders(path: string, authority: string, token?: string): Buffer {
  return Buffer.concat([
    Buffer.of(0x83, 0x86), // :method POST and :scheme http, of the static table
    literal(4, path), // :path
    literal(1, authority), // :authority
    literal(31, 'application/grpc'), // content-type
    literal('te', 'trailers'),
    ...(token === undefined ? [] : [literal('token', token)]),
  ]);
}

/** A field without indexing; its name is a place in the static table or written out. */
function literal(name: number | string, value: string): Buffer {
  const parts = typeof name === 'number' ? [integer(name, 4)] : [integer(0, 4), text(name)];
  return Buffer.concat([...parts, text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** An integer with a prefix of so many bits, the bits above it being zero (RFC 7541, 5.1). */
function integer(value: number, prefixBits: number): Buffer {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return Buffer.of(value);
  const bytes = [limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** The message with gRPC's five bytes before it. */
export function grpcMessage(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(MESSAGE_HEADER_BYTES + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, MESSAGE_HEADER_BYTES);
  return bytes;
}
