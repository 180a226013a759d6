/**
 * KV.RangeStream: a range in chunks, so that neither side holds all of it. All chunks are read at the revision of the first;
 * no snapshot is held meanwhile, so a compaction may end the stream with `compacted`.
 *
 *     10 pairs, 20, 40, ... as long as a chunk stays small; half as many once one is large
 *
 * Only the last message has a header, `more` and `count`.
 */

import { type Bytes, type Failpoints, type Key, RequestError } from '../base/index.ts';
import { decodeRange, encodeRangeStreamResponse } from '../codec/index.ts';
import { decodeKeyValue, type RangeOperation, type RangeResult } from '../mvcc/index.ts';
import type { Member } from '../node/index.ts';
import type { ServerStreamHandler } from '../wire/index.ts';
import type { Callers } from './auth/callers.ts';
import { headerOf } from './header.ts';
import { checkRange } from './validation.ts';
import { Writable } from './writable.ts';

const FIRST_CHUNK_PAIRS = 10;
/** Small pairs would make a chunk of the wanted bytes too long to handle in one go. */
const CHUNK_PAIRS_MAX = 5000;

export interface RangeStreamOptions {
  readonly member: Member;
  /** A chunk is to be no larger than this, though it may be by a pair's size and more while sizes are being learnt. */
  readonly requestBytesMax: number;
  readonly callers: Callers;
  readonly failpoints?: Failpoints | undefined;
}

export function rangeStream(options: RangeStreamOptions): ServerStreamHandler {
  const { callers, failpoints, member, requestBytesMax } = options;
  return async (request, stream, call) => {
    const operation = decodeRange(request);
    checkRange(operation);
    refuseUnsupported(operation);
    if (!operation.serializable) await member.readIndex();
    const caller = callers.of(call);
    member.auth.check(caller, 'read', operation.range);
    const writable = new Writable(stream, call);
    const chunks = chunksOf(member, operation, requestBytesMax);
    for await (const { result, isLast, revision } of chunks) {
      member.auth.checkUnmoved(caller);
      await failpoints?.reach('beforeRangeStreamChunk');
      const sent = writable.write(encodeRangeStreamResponse(isLast ? headerOf(member, revision) : undefined, result));
      if (!(await sent)) return;
    }
    stream.end();
  };
}

/** Chunks come in order of keys, and of all of them. */
function refuseUnsupported(operation: RangeOperation): void {
  const { sortOrder, sortTarget, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = operation;
  const isSorted = sortOrder === 'descend' || sortTarget !== 'key';
  const isFiltered = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some(
    (bound) => bound !== 0,
  );
  if (isSorted || isFiltered) throw new RequestError('rangeStreamUnsupported');
}

interface Chunk {
  readonly result: RangeResult;
  readonly isLast: boolean;
  /** For the header: the store's revision when the first chunk was read. */
  readonly revision: number;
}

async function* chunksOf(member: Member, operation: RangeOperation, bytesWanted: number): AsyncGenerator<Chunk> {
  let pairs = FIRST_CHUNK_PAIRS;
  let left = operation.limit === 0 ? Number.POSITIVE_INFINITY : operation.limit;
  let next: RangeOperation = operation;
  let first: RangeResult | undefined;
  for (;;) {
    const result = await member.range({ ...next, limit: operation.countOnly ? 0 : Math.min(pairs, left) });
    first ??= result;
    left -= result.kvs.length;
    const isLast = !result.more || left <= 0;
    yield { result: isLast ? { ...result, count: first.count } : result, isLast, revision: first.revision };
    const last = result.kvs.at(-1);
    if (isLast || last === undefined) return;
    next = {
      ...operation,
      range: { ...operation.range, key: after(last) },
      revision: operation.revision > 0 ? operation.revision : first.revision,
    };
    pairs = nextPairs(pairs, bytesOf(result), bytesWanted);
  }
}

/** The key next to the pair's: nothing lies between. */
function after(pair: Bytes): Key {
  return `${decodeKeyValue(pair).key}\0`;
}

function bytesOf(result: RangeResult): number {
  let bytes = 0;
  for (const kv of result.kvs) bytes += kv.length;
  return bytes;
}

function nextPairs(pairs: number, bytes: number, bytesWanted: number): number {
  if (bytes > bytesWanted) return Math.max(Math.floor(pairs / 2), 1);
  if (bytes < bytesWanted / 2) return Math.min(pairs * 2, CHUNK_PAIRS_MAX);
  return pairs;
}
