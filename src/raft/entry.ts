/**
 * What the replicated log consists of (thesis 3.3, 3.5), and where in it something stands.
 *
 *     index   1        2        3        4        5
 *     term    1        1        2        2        4
 *             config   x=1      -        y=2      z=3        '-' is the empty entry a new leader begins its term with
 *
 * Indexes and terms are JS numbers: 2^53 entries at a million a second last 285 years. `checkedPosition` watches the edge.
 */

import { type Bytes, InvariantError } from '../base/index.ts';
import type { Configuration } from './configuration.ts';

/**
 * Names a member. The ids are 64-bit numbers; here they are their lower-case hex digits, as etcd prints them ('8e9e05c52164694d').
 * A JS number cannot hold them, a bigint is slow to hash and to compare; a short string is a good map key, compares by
 * pointer most of the time, sorts, and reads well in a trace. Raft never calculates with an id.
 */
export type MemberId = string;

/** A place in the log. The same index with another term is another entry. */
export interface Position {
  readonly index: number;
  readonly term: number;
}

/** An entry for the state machine. Empty data: the entry a new leader begins its term with; nothing to apply. */
export interface NormalEntry extends Position {
  readonly kind: 'normal';
  readonly data: Bytes;
}

/**
 * A change of membership. It carries the whole configuration, which counts from the moment the entry is in a member's log,
 * committed or not (thesis 4.1). `data` belongs to the owner (names and addresses of members, say).
 */
export interface ConfigurationEntry extends Position {
  readonly kind: 'configuration';
  readonly configuration: Configuration;
  readonly data: Bytes;
}

export type Entry = NormalEntry | ConfigurationEntry;

/** What a snapshot stands for: the state after the entry at this position, and who the members were by then. */
export interface SnapshotMark extends Position {
  readonly configuration: Configuration;
}

/** What an entry costs beside its data, about: object, numbers, framing. Keeps a flood of empty entries within byte limits. */
const ENTRY_FIXED_BYTES = 32;

/** What an entry counts for against every limit in bytes. */
export function entryBytes(entry: { readonly data: Bytes }): number {
  return entry.data.length + ENTRY_FIXED_BYTES;
}

/** The position itself, once it is sure that its numbers are whole and exact. */
export function checkedPosition<T extends Position>(position: T): T {
  const { index, term } = position;
  if (Number.isSafeInteger(index) && Number.isSafeInteger(term) && index >= 0) return position;
  throw new InvariantError(`a position must be whole numbers below 2^53: index ${index}, term ${term}`);
}
