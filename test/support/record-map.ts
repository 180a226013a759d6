/** A backend that is only a map: no batches, no bytes on a disk. For tests of what lies above the backend. */

import { assert, type Bytes } from '../../src/base/index.ts';
import type { Backend, ScannedRecord, StoreMark } from '../../src/mvcc/index.ts';

export class RecordMap implements Backend {
  mark: StoreMark = { currentRevision: 1, compactRevision: -1, finishedCompactRevision: -1 };
  readonly #records = new Map<string, ScannedRecord>();

  get size(): number {
    return this.#records.size;
  }

  getRecord(main: number, sub: number): Bytes | undefined {
    return this.#records.get(`${main}.${sub}`)?.keyValue;
  }

  putRecord(main: number, sub: number, tombstone: boolean, keyValue: Bytes): void {
    assert(!this.#records.has(`${main}.${sub}`), `a second record ${main}.${sub}`);
    this.#records.set(`${main}.${sub}`, { main, sub, tombstone, keyValue });
  }

  deleteRecord(main: number, sub: number): void {
    assert(this.#records.delete(`${main}.${sub}`), `no record ${main}.${sub}`);
  }

  putStoreMark(mark: StoreMark): void {
    this.mark = mark;
  }

  /** All records, as a scan at start-up shows them. */
  scan(): readonly ScannedRecord[] {
    return [...this.#records.values()].sort((a, b) => a.main - b.main || a.sub - b.sub);
  }

  /** Which records there are: '2.0', or '3.1t' for a tombstone. */
  names(): string[] {
    return this.scan().map(({ main, sub, tombstone }) => `${main}.${sub}${tombstone ? 't' : ''}`);
  }
}
