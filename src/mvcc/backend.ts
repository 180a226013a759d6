/**
 * Where the store keeps its records. A port: storage/ has the real one (LevelDB) and its twin in memory.
 *
 * A record is what one operation left behind: the key, at one revision, encoded as mvccpb.KeyValue. A tombstone is a
 * KeyValue with nothing but its key. Records are written once and never changed; compaction deletes them.
 *
 * Every call is synchronous: a read sees all writes made before it, whether or not they have reached the disk. Writes
 * gather in a batch that the node closes (storage's `commit`) after each run of applied entries, together with the
 * applied index, so that what is on disk is always the state after some entry of the log and never between two.
 */

import type { Bytes } from '../base/index.ts';

/** What is known of the records as a whole, changed in the same batch as they are. */
export interface StoreMark {
  /** Revision of the newest record's transaction; 1 for an empty store. */
  readonly currentRevision: number;
  /** Revisions below it may be gone; -1 before the first compaction. */
  readonly compactRevision: number;
  /** The compact revision whose removal has been carried through to the end. Behind compactRevision: some is left to remove. */
  readonly finishedCompactRevision: number;
}

export interface Backend {
  /** The record written by operation `sub` of revision `main`, or undefined if there is none (any more). The bytes stay valid and unchanged. */
  getRecord(main: number, sub: number): Bytes | undefined;
  /** Adds a record. The backend keeps `keyValue`: the caller must not change it afterwards. */
  putRecord(main: number, sub: number, tombstone: boolean, keyValue: Bytes): void;
  /** Removes a record, which must be there. */
  deleteRecord(main: number, sub: number): void;
  putStoreMark(mark: StoreMark): void;
}

/** One record as a start-up scan delivers it, in order of (main, sub). */
export interface ScannedRecord {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly keyValue: Bytes;
}
