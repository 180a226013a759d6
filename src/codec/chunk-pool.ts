/**
 * Chunks of memory that large answers are written into, used again once they are sent.
 *
 *     takeChunk -> an answer is written -> its pieces go to a socket -> returnChunks -> takeChunk ...
 *
 * Left to the collector of garbage, chunks are given back to the system in bulk, and each new one is then made of pages that the
 * system must first find and clear: that was a quarter of what a range of a thousand keys cost. Whoever is never sent (its client has
 * gone) is not returned, and collected.
 */

import type { Bytes } from '../base/index.ts';

export const CHUNK_BYTES_MAX: number = 64 * 1024;

/** Chunks kept for later. */
const CHUNKS_KEPT_MAX = 64;

const kept: Bytes[] = [];

/** A chunk of CHUNK_BYTES_MAX bytes, with anything in it. */
export function takeChunk(): Bytes {
  return kept.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX);
}

/** Nobody looks at these any more: they may be written again. */
export function returnChunks(chunks: readonly Bytes[]): void {
  for (const chunk of chunks) if (kept.length < CHUNKS_KEPT_MAX) kept.push(chunk);
}
