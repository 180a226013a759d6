/**
 * Encoding answers of any size without holding up the rest: in steps, between which the loop serves others. An answer of
 * the usual size takes one step, and then there is nothing to wait for.
 */

import { RangeResponseEncoder, type ResponseHeader } from '../codec/index.ts';
import type { RangeResult } from '../mvcc/index.ts';
import type { Message } from '../wire/index.ts';

/** A step takes a millisecond or two: 0.1 us a pair, 0.2 ms a megabyte. */
const STEP_PAIRS_MAX = 5000;
const STEP_BYTES_MAX = 4 * 1024 * 1024;

export function encodeRangeInSlices(header: ResponseHeader, result: RangeResult): Message | Promise<Message> {
  const encoder = new RangeResponseEncoder(header, result);
  return encoder.step(STEP_PAIRS_MAX, STEP_BYTES_MAX) ? encoder.finish() : finishInSlices(encoder);
}

async function finishInSlices(encoder: RangeResponseEncoder): Promise<Message> {
  do {
    await new Promise((resolve) => setImmediate(resolve));
  } while (!encoder.step(STEP_PAIRS_MAX, STEP_BYTES_MAX));
  return encoder.finish();
}
