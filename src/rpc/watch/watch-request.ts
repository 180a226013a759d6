/** What a client says on a watch stream, out of the generated classes. */

import { type Bytes, type Key, keyOf } from '../../base/index.ts';
import { etcdserverpb as pb } from '../../gen/etcd.js';
import type { WatcherOptions } from '../../watch/index.ts';
import { decodeMessage } from '../message.ts';

export interface CreateRequest {
  readonly kind: 'create';
  /** As on the wire: rpc/watch/server-watch-stream.ts says what their shapes mean. */
  readonly key: Key;
  readonly rangeEnd: Key;
  /** Ids and revisions beyond 2^53 come as the nearest number. */
  readonly watchId: number;
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly options: WatcherOptions;
}

export interface CancelRequest {
  readonly kind: 'cancel';
  readonly watchId: bigint;
}

export type WatchStreamRequest =
  | CreateRequest
  | CancelRequest
  | { readonly kind: 'progress' }
  /** Nothing, or a kind that is newer than this server. */
  | { readonly kind: 'unknown' };

const NO_PUT = 0;
const NO_DELETE = 1;

/** Throws ProtocolError for bytes that are no WatchRequest. */
export function decodeWatchRequest(bytes: Bytes): WatchStreamRequest {
  const request = decodeMessage(pb.WatchRequest, bytes);
  switch (request.request_union) {
    case 'create_request':
      return createRequest(request.create_request ?? {});
    case 'cancel_request':
      return { kind: 'cancel', watchId: BigInt(String(request.cancel_request?.watch_id ?? 0)) };
    case 'progress_request':
      return { kind: 'progress' };
    case undefined:
      return { kind: 'unknown' };
    default:
      return request.request_union satisfies never;
  }
}

function createRequest(request: pb.WatchCreateRequest.$Properties): CreateRequest {
  // Filters that are unknown here are passed over, as in etcd.
  const filters = (request.filters ?? []).map(Number);
  return {
    kind: 'create',
    key: request.key ? keyOf(request.key) : '',
    rangeEnd: request.range_end ? keyOf(request.range_end) : '',
    watchId: Number(request.watch_id ?? 0),
    startRevision: Number(request.start_revision ?? 0),
    progressNotify: request.progress_notify ?? false,
    options: {
      noPut: filters.includes(NO_PUT),
      noDelete: filters.includes(NO_DELETE),
      prevKv: request.prev_kv ?? false,
      fragment: request.fragment ?? false,
    },
  };
}
