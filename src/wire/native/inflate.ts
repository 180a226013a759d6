/** Compressed messages. Only gzip is taken, and nothing is ever sent compressed: what is stored rarely shrinks, and time is dearer. */

import { gunzipSync } from 'node:zlib';
import { type Bytes, Status } from '../../base/index.ts';
import type { CallStatus } from '../port.ts';

/** The message, or why there is none. `bytesMax` bounds what it grows to, and with it the time that this takes. */
export function inflated(message: Bytes, isGzip: boolean, bytesMax: number): Bytes | CallStatus {
  if (!isGzip) return { code: Status.internal, message: 'grpc: compressed flag set with identity or empty encoding' };
  try {
    return gunzipSync(message, { maxOutputLength: Math.max(bytesMax, 1) });
  } catch (error) {
    if (error instanceof RangeError) {
      const text = `grpc: received message after decompression larger than max (${bytesMax})`;
      return { code: Status.resourceExhausted, message: text };
    }
    return { code: Status.internal, message: 'grpc: failed to decompress the received message' };
  }
}
