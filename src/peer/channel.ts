/** Connections to peers, by grpc-js. Each stream has one of its own: nothing waits behind what another has put into the socket. */

import { Client, credentials } from '@grpc/grpc-js';
import type { Bytes } from '../base/index.ts';

/** A connection that is silent for so long is asked for a sign of life, and given so long to answer. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5000;

/** A client of the peer at this URL. Throws a TypeError for what is no URL. Close it when its stream is over. */
export function openChannel(url: string): Client {
  return new Client(new URL(url).host, credentials.createInsecure(), {
    // Attempts are counted and spaced by us, and each begins with a new connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  });
}

/** Messages pass through as bytes. */
export const asBuffer = (bytes: Bytes): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

export const asBytes = (buffer: Buffer): Bytes => buffer;
