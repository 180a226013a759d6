/**
 * Connections to peers, by grpc-js. Each stream has one of its own: nothing waits behind what another has put into the socket.
 *
 * A peer at https:// is spoken to in TLS. Its certificate must be good for the host of the URL, and carry one of the names allowed.
 */

import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import type { Bytes } from '../base/index.ts';
import { type AllowedNames, type Credentials, nameProblem } from '../tls/index.ts';

/** A connection that is silent for so long is asked for a sign of life, and given so long to answer. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5000;

/** How peers at https:// are spoken to. */
export interface PeerTls {
  readonly credentials: Credentials;
  readonly allowed: AllowedNames;
  /** False: any certificate will do. */
  readonly verifies: boolean;
}

/** A client of the peer at this URL. Throws a TypeError for what is no URL. Close it when its stream is over. */
export type OpenChannel = (url: string) => Client;

/** Without TLS, a peer at https:// cannot be reached. */
export function channelOpener(tls?: PeerTls): OpenChannel {
  return (url) => openChannel(url, tls);
}

function openChannel(url: string, tls: PeerTls | undefined): Client {
  const { host, protocol } = new URL(url);
  return new Client(host, protocol === 'https:' ? secured(tls) : credentials.createInsecure(), {
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

function secured(tls: PeerTls | undefined): ChannelCredentials {
  if (tls === undefined) throw new TypeError('there are no credentials for TLS');
  // Those of now: each connection is made with the files as they are.
  return credentials.createFromSecureContext(tls.credentials.current.context, {
    rejectUnauthorized: tls.verifies,
    checkServerIdentity: (host, certificate) => {
      const problem = nameProblem(certificate, tls.allowed);
      return problem === undefined ? checkServerIdentity(host, certificate) : new Error(problem);
    },
  });
}

/** Messages pass through as bytes. */
export const asBuffer = (bytes: Bytes): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

export const asBytes = (buffer: Buffer): Bytes => buffer;
