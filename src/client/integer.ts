/**
 * 64-bit integers as protobufjs decodes them: a Long, or the number 0 where the field is absent.
 * Revisions and counts are numbers here (exact to 2^53), ids are bigints.
 */

import { assert } from '../base/index.ts';

/** The parts of a Long (npm: long) that are needed. */
export interface LongLike {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

export type Int64 = LongLike | number | null | undefined;

const TWO_POW_32 = 0x1_0000_0000;

/** The number, which must be one that a double holds exactly. */
export function numberOf(value: Int64): number {
  if (value === null || value === undefined) return 0;
  const number =
    typeof value === 'number'
      ? value
      : (value.unsigned ? value.high >>> 0 : value.high) * TWO_POW_32 + (value.low >>> 0);
  assert(Number.isSafeInteger(number), `an integer beyond 2^53: ${number}`);
  return number;
}

/** The integer, exact in all its 64 bits. */
export function bigintOf(value: Int64): bigint {
  if (value === null || value === undefined) return 0n;
  if (typeof value === 'number') return BigInt(value);
  const bits = (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
  return value.unsigned ? bits : BigInt.asIntN(64, bits);
}
