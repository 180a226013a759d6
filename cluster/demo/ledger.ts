/**
 * What was written, as far as the writer knows: which writes were acknowledged, at which revision, and which may or may not
 * have happened because the server was killed before it answered.
 */

import { crc32 } from 'node:zlib';
import type { WatchEvent } from '../../src/client/index.ts';
import { Findings } from '../report/index.ts';
import { textOf } from './replay.ts';

/** Tells one write from every other, in a few bytes. */
type Mark = number;

const putMark = (key: string, value: Uint8Array): Mark => crc32(value, crc32(key, 1));
const deleteMark = (key: string): Mark => crc32(key, 2);

export class Ledger {
  readonly #acknowledged = new Map<number, Mark>();
  readonly #unknown = new Set<Mark>();
  readonly #findings = new Findings();
  #writes = 0;
  #unknownSeen = 0;

  /** Acknowledged writes. */
  get writes(): number {
    return this.#writes;
  }

  /** Writes whose fate is unknown to the writer. */
  get unknown(): number {
    return this.#unknown.size;
  }

  /** Of those, how many had happened. */
  get unknownSeen(): number {
    return this.#unknownSeen;
  }

  acknowledgedPut(key: string, value: Uint8Array, revision: number): void {
    this.#acknowledge(putMark(key, value), revision);
  }

  acknowledgedDelete(key: string, revision: number): void {
    this.#acknowledge(deleteMark(key), revision);
  }

  unknownPut(key: string, value: Uint8Array): void {
    this.#unknown.add(putMark(key, value));
  }

  unknownDelete(key: string): void {
    this.#unknown.add(deleteMark(key));
  }

  /** Ticks off an event of the history. */
  see(event: WatchEvent): void {
    const { key, value, modRevision } = event.kv;
    const mark = event.type === 'put' ? putMark(textOf(key), value) : deleteMark(textOf(key));
    const expected = this.#acknowledged.get(modRevision);
    if (expected === mark) this.#acknowledged.delete(modRevision);
    else if (expected !== undefined)
      this.#findings.add(`revision ${modRevision} is not the write that was acknowledged`);
    else if (this.#unknown.has(mark)) this.#unknownSeen++;
    else this.#findings.add(`revision ${modRevision} (${textOf(key)}) was never written`);
  }

  /** What is wrong when the whole history has been seen. */
  close(): Findings {
    for (const revision of this.#acknowledged.keys()) {
      this.#findings.add(`the acknowledged write of revision ${revision} is gone`);
    }
    return this.#findings;
  }

  #acknowledge(mark: Mark, revision: number): void {
    this.#writes++;
    if (this.#acknowledged.has(revision)) this.#findings.add(`revision ${revision} was acknowledged twice`);
    this.#acknowledged.set(revision, mark);
  }
}
