/** Texts into values, by Go's rules: numbers in any base, booleans of few spellings, durations with units. */

import { parseDuration } from '../base/index.ts';
import type { Flag, FlagType } from './flag-table.ts';
import { type MemberUrl, parseUrls, ValueError } from './url.ts';

export type FlagValue = string | boolean | number | readonly string[] | readonly MemberUrl[];

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

/** Lowest and highest value. */
const LIMITS = {
  integer: [-(2n ** 63n), 2n ** 63n - 1n],
  unsigned: [0n, 2n ** 64n - 1n],
  unsigned32: [0n, 2n ** 32n - 1n],
} as const;

/** The value that `text` means for `flag`. A duration is in milliseconds. Throws ValueError. */
export function parseValue(flag: Pick<Flag, 'type' | 'choices'>, text: string): FlagValue {
  if (flag.choices !== undefined && !flag.choices.includes(text)) throw new ValueError('invalid value');
  switch (flag.type) {
    case 'string':
      return text;
    case 'list':
      return text === '' ? [] : text.split(',').map((part) => part.trim());
    case 'urls':
      return parseUrls(text);
    case 'boolean':
      return known(BOOLEANS.get(text));
    case 'duration':
      return known(parseDuration(text));
    case 'integer':
    case 'unsigned':
    case 'unsigned32':
      return parseInteger(flag.type, text);
    default:
      return flag.type satisfies never;
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new ValueError('parse error');
  return value;
}

const INTEGER = /^(?<sign>[+-]?)(?<digits>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/;

/** Numbers above 2^53 are read as 2^53 - 1: no limit here is so high that it matters. */
function parseInteger(type: keyof typeof LIMITS & FlagType, text: string): number {
  const groups = INTEGER.exec(text)?.groups;
  const { sign = '', digits = '' } = groups ?? {};
  if (groups === undefined || (type !== 'integer' && sign !== '')) throw new ValueError('parse error');
  const plain = digits.replaceAll('_', '').replace(/^0(?=[0-7])/, '0o');
  const magnitude = BigInt(plain);
  const value = sign === '-' ? -magnitude : magnitude;
  const [lowest, highest] = LIMITS[type];
  if (value < lowest || value > highest) throw new ValueError('value out of range');
  const bounded = Math.min(Number(magnitude), Number.MAX_SAFE_INTEGER);
  return sign === '-' ? 0 - bounded : bounded;
}
