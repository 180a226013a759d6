/**
 * What one watcher was told, and whether it can be true.
 *
 * A replay keeps, for each key, the version, the revision and a checksum of the value, and checks every event against them:
 *
 *     put k version 1 rev 5      the key is new: version 1, created at 5
 *     put k version 2 rev 8      one version after another: none is lost, none comes twice
 *     delete k        rev 9
 *     put k version 1 rev 12     a new life
 *
 * Revisions only grow, and a revision is told at once: no two batches share one. With prev_kv, what was there before is
 * what the replay holds. In the end the replay must be the store (compareWithStore), and its digest that of the history
 * (see history.ts), which also finds what leaves no gap: a key that came and went unseen.
 */

import { crc32 } from 'node:zlib';
import type { KeyValue, WatchBatch, WatchEvent, WatchFilter } from '../../src/client/index.ts';
import { Findings } from '../report/index.ts';
import { Digest } from './digest.ts';

/** What is kept of a pair. */
export interface Held {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly crc: number;
}

export function heldOf(kv: KeyValue): Held {
  return {
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    crc: crc32(kv.value),
  };
}

/** Keys are bytes; as text, one character a byte, they can be kept and compared. */
export function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

export interface ReplayOptions {
  readonly prevKv: boolean;
  readonly filters: readonly WatchFilter[];
}

export class Replay {
  readonly findings: Findings = new Findings();
  readonly digest: Digest = new Digest();
  readonly #options: ReplayOptions;
  readonly #held = new Map<string, Held>();
  #revision = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** How many keys are held. */
  get size(): number {
    return this.#held.size;
  }

  /** The newest revision that was told. */
  get revision(): number {
    return this.#revision;
  }

  apply(batch: WatchBatch): void {
    const before = this.#revision;
    for (const [at, event] of batch.events.entries()) {
      const { modRevision } = event.kv;
      if (modRevision < this.#revision) this.findings.add(`revision ${modRevision} after ${this.#revision}`);
      else if (at === 0 && modRevision === before) this.findings.add(`revision ${modRevision} in two batches`);
      this.#revision = Math.max(this.#revision, modRevision);
      this.#event(event);
    }
  }

  /** Compares with what a read of the range found. Where deletions were filtered out, keys that are gone may remain here. */
  compareWithStore(store: ReadonlyMap<string, Held>): void {
    if (this.#options.filters.includes('noPut')) return;
    for (const [key, held] of store) {
      const told = this.#held.get(key);
      if (told === undefined) this.findings.add(`${key} is in the store and was never told`);
      else if (told.modRevision !== held.modRevision) {
        this.findings.add(`${key} is at revision ${held.modRevision} in the store and was told at ${told.modRevision}`);
      } else if (told.version !== held.version || told.crc !== held.crc) {
        this.findings.add(`${key} has another value or version in the store, at the same revision ${held.modRevision}`);
      }
    }
    if (this.#options.filters.includes('noDelete')) return;
    for (const [key, told] of this.#held) {
      if (!store.has(key)) this.findings.add(`${key} was told at revision ${told.modRevision} and is not in the store`);
    }
  }

  #event(event: WatchEvent): void {
    const key = textOf(event.kv.key);
    const { filters, prevKv } = this.#options;
    if (filters.includes(event.type === 'put' ? 'noPut' : 'noDelete')) {
      this.findings.add(`${event.type} of ${key} at revision ${event.kv.modRevision}: it was filtered out`);
    }
    const before = this.#held.get(key);
    if (event.type === 'put') {
      const held = heldOf(event.kv);
      if (!filters.includes('noPut')) this.#checkPut(key, before, held);
      if (prevKv) this.#checkPrevious(key, event, held.version === 1 ? undefined : before);
      this.#held.set(key, held);
      this.digest.put(key, held);
    } else {
      const { modRevision } = event.kv;
      if (!filters.includes('noPut')) {
        if (before === undefined) this.findings.add(`delete of ${key} at revision ${modRevision}: it was not there`);
        if (prevKv) this.#checkPrevious(key, event, before);
      } else if (prevKv && event.previous === undefined) {
        this.findings.add(`delete of ${key} at revision ${modRevision}: what was there before is missing`);
      }
      this.#held.delete(key);
      this.digest.delete(key, modRevision);
    }
  }

  #checkPut(key: string, before: Held | undefined, held: Held): void {
    const at = `put of ${key} at revision ${held.modRevision}`;
    if (held.version === 1) {
      if (held.createRevision !== held.modRevision)
        this.findings.add(`${at}: version 1, created at ${held.createRevision}`);
      // Where deletions are filtered out, a new life may follow the old one.
      if (before !== undefined && !this.#options.filters.includes('noDelete')) {
        this.findings.add(`${at}: version 1 of a key that is there: its deletion is lost`);
      }
      return;
    }
    if (before === undefined) this.findings.add(`${at}: version ${held.version} of a key that is not there`);
    else if (held.version !== before.version + 1 || held.createRevision !== before.createRevision) {
      this.findings.add(`${at}: version ${held.version} after ${before.version}`);
    }
  }

  #checkPrevious(key: string, event: WatchEvent, before: Held | undefined): void {
    const at = `${event.type} of ${key} at revision ${event.kv.modRevision}`;
    if (event.previous === undefined) {
      if (before !== undefined) this.findings.add(`${at}: what was there before is missing`);
      return;
    }
    const previous = heldOf(event.previous);
    if (before === undefined) this.findings.add(`${at}: something was there before that was never told`);
    else if (previous.modRevision !== before.modRevision || previous.crc !== before.crc) {
      this.findings.add(
        `${at}: revision ${previous.modRevision} was there before, where ${before.modRevision} was told`,
      );
    }
  }
}
