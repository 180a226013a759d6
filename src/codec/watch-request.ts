/**
 * What a client says on a watch stream, as plain data. Fields that we do not know are passed over, and so are filters; of several
 * requests in one the last counts. Bytes that are no WatchRequest throw ProtocolError.
 */

import type { Bytes, Key } from '../base/index.ts';
import type { WatcherOptions } from '../watch/index.ts';
import { ProtoReader } from './proto-reader.ts';

export interface WatchCreateRequest {
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

export interface WatchCancelRequest {
  readonly kind: 'cancel';
  readonly watchId: bigint;
}

export type WatchStreamRequest =
  | WatchCreateRequest
  | WatchCancelRequest
  | { readonly kind: 'progress' }
  /** Nothing, or a kind that is newer than this server. */
  | { readonly kind: 'unknown' };

/** By the number of the enum FilterType. */
const NO_PUT = 0;
const NO_DELETE = 1;

/** etcdserverpb.WatchRequest { create_request = 1, cancel_request = 2, progress_request = 3 } */
export function decodeWatchRequest(bytes: Bytes): WatchStreamRequest {
  let request: WatchStreamRequest = { kind: 'unknown' };
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) request = createRequest(reader.message());
    else if (reader.field === 2) request = cancelRequest(reader.message());
    else if (reader.field === 3) request = progressRequest(reader.message());
    else reader.skip();
  }
  return request;
}

function createRequest(reader: ProtoReader): WatchCreateRequest {
  let key: Key = '';
  let rangeEnd: Key = '';
  let startRevision = 0;
  let progressNotify = false;
  const filters: number[] = [];
  let prevKv = false;
  let watchId = 0;
  let fragment = false;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        key = reader.key();
        break;
      case 2:
        rangeEnd = reader.key();
        break;
      case 3:
        startRevision = reader.number();
        break;
      case 4:
        progressNotify = reader.bool();
        break;
      case 5:
        reader.numbers(filters);
        break;
      case 6:
        prevKv = reader.bool();
        break;
      case 7:
        watchId = reader.number();
        break;
      case 8:
        fragment = reader.bool();
        break;
      default:
        reader.skip();
    }
  }
  const options = { noPut: filters.includes(NO_PUT), noDelete: filters.includes(NO_DELETE), prevKv, fragment };
  return { kind: 'create', key, rangeEnd, watchId, startRevision, progressNotify, options };
}

function cancelRequest(reader: ProtoReader): WatchCancelRequest {
  let watchId = 0n;
  while (reader.next()) {
    if (reader.field === 1) watchId = reader.bigint();
    else reader.skip();
  }
  return { kind: 'cancel', watchId };
}

/** Nothing is in it, or nothing that we know. */
function progressRequest(reader: ProtoReader): WatchStreamRequest {
  while (reader.next()) reader.skip();
  return { kind: 'progress' };
}
