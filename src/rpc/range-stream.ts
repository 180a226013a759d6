/**
 * KV.RangeStream: a range in chunks, so that neither side holds all of it. All chunks are read at the revision of the first;
 * no snapshot is held meanwhile, so a compaction may end the stream with `compacted`.
 *
 *     10 pairs, 20, 40, ... as long as a chunk stays small; half as many once one is large
 *
 * Only the last message has a header, `more` and `count`.
 */

import { type Bytes, type Key, RequestError } from '../base/index.ts';
import { decodeRange, encodeRangeStreamResponse } from '../codec/index.ts';
import { decodeKeyValue, type RangeOperation, type RangeResult } from '../mvcc/index.ts';
import type { Member } from '../node/index.ts';
import type { CallContext, SendStream, ServerStreamHandler } from '../wire/index.ts';
import { headerOf } from './header.ts';
import { checkRange } from './validation.ts';

const FIRST_CHUNK_PAIRS = 10;
/** Small pairs would make a chunk of the wanted bytes too long to handle in one go. */
const CHUNK_PAIRS_MAX = 5000;

export interface RangeStreamOptions {
  readonly member: Member;
  /** A chunk is to be no larger than this, though it may be by a pair's size and more while sizes are being learnt. */
  readonly requestBytesMax: number;
}

export function rangeStream(options: RangeStreamOptions): ServerStreamHandler {
  const { member, requestBytesMax } = options;
  return async (request, stream, call) => {
    const operation = decodeRange(request);
    checkRange(operation);
    refuseUnsupported(operation);
    if (!operation.serializable) await member.readIndex();
    const writable = new Writable(stream, call);
    const chunks = chunksOf(member, operation, requestBytesMax);
    for await (const { result, isLast, revision } of chunks) {
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

/** A stream that can be waited for. */
class Writable {
  readonly #stream: SendStream;
  readonly #call: CallContext;
  #wake: (() => void) | undefined;

  constructor(stream: SendStream, call: CallContext) {
    this.#stream = stream;
    this.#call = call;
    const wake = (): void => this.#wake?.();
    stream.onWritable(wake);
    call.onCancelled(wake);
  }

  /** Resolves when more may be written, or to false when nobody reads any more. */
  async write(message: Parameters<SendStream['write']>[0]): Promise<boolean> {
    if (!this.#call.cancelled && !this.#stream.write(message) && !this.#call.cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return !this.#call.cancelled;
  }
}
