/**
 * What the SDK gives back: the messages of the wire with revisions as numbers and ids as bigints.
 * The bytes of keys and values are views on the message that brought them: copy those that are to be kept for long.
 */

import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { mvccpb } from '../gen/etcd.js';
import { bigintOf, numberOf } from './integer.ts';

export interface KeyValue {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n for none. */
  readonly lease: bigint;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  /** After a delete only key and modRevision mean anything. */
  readonly kv: KeyValue;
  /** What was there before, for watches that asked for it. */
  readonly previous: KeyValue | undefined;
}

export function keyValueOf(kv: mvccpb.KeyValue.$Properties): KeyValue {
  return {
    key: kv.key ?? EMPTY_BYTES,
    value: kv.value ?? EMPTY_BYTES,
    createRevision: numberOf(kv.create_revision),
    modRevision: numberOf(kv.mod_revision),
    version: numberOf(kv.version),
    lease: bigintOf(kv.lease),
  };
}

/** As keyValueOf, for what may be absent. */
export function maybeKeyValueOf(kv: mvccpb.KeyValue.$Properties | null | undefined): KeyValue | undefined {
  return kv === null || kv === undefined ? undefined : keyValueOf(kv);
}

export function watchEventOf(event: mvccpb.Event.$Properties): WatchEvent {
  return {
    type: event.type === mvccpb.Event.EventType.DELETE ? 'delete' : 'put',
    kv: keyValueOf(event.kv ?? {}),
    previous: maybeKeyValueOf(event.prev_kv),
  };
}
