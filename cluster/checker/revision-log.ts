/**
 * What happened at each revision, put together from what watchers of everything were told. The first to tell a revision is
 * believed, the others must say the same: members are replicas.
 *
 *     revision 7   put chaos/3/0 = w2-14
 *     revision 8   put chaos/1/0 = w5-9, put chaos/4/0 = w5-9      (one transaction)
 *     revision 9   delete chaos/3/0
 */

import { crc32 } from 'node:zlib';
import { Findings } from '../report/index.ts';
import type { LoggedEvent } from './history.ts';

/** One state of a key, from a revision on. */
interface Version {
  readonly revision: number;
  /** undefined: deleted. */
  readonly value: string | undefined;
}

export class RevisionLog {
  readonly disagreements: Findings = new Findings();
  readonly #events = new Map<number, readonly LoggedEvent[]>();
  readonly #versions = new Map<string, Version[]>();
  /** When the first was told of each revision, on the clock of the run. */
  readonly #toldAt = new Map<number, number>();
  #sorted = true;
  #last = 0;

  /** The newest revision that anyone was told. */
  get last(): number {
    return this.#last;
  }

  get keys(): Iterable<string> {
    return this.#versions.keys();
  }

  /** `teller` was told that these events, all there are, happened at this revision; at this time. */
  add(teller: string, revision: number, events: readonly LoggedEvent[], at = 0): void {
    const known = this.#events.get(revision);
    if (known !== undefined) {
      if (markOf(known) !== markOf(events)) {
        this.disagreements.add(
          `${teller} was told of ${text(events)} at revision ${revision}, others of ${text(known)}`,
        );
      }
      return;
    }
    this.#events.set(revision, events);
    this.#toldAt.set(revision, at);
    if (revision < this.#last) this.#sorted = false;
    this.#last = Math.max(this.#last, revision);
    for (const { type, key, value } of events) {
      const versions = this.#versions.get(key) ?? [];
      versions.push({ revision, value: type === 'put' ? value : undefined });
      this.#versions.set(key, versions);
    }
  }

  /** Infinity if nobody was told of it. */
  toldAt(revision: number): number {
    return this.#toldAt.get(revision) ?? Infinity;
  }

  at(revision: number): readonly LoggedEvent[] | undefined {
    return this.#events.get(revision);
  }

  /** The states that a key has had, in order. */
  versionsOf(key: string): readonly Version[] {
    if (!this.#sorted) {
      for (const versions of this.#versions.values()) versions.sort((a, b) => a.revision - b.revision);
      this.#sorted = true;
    }
    return this.#versions.get(key) ?? [];
  }

  /** The state of a key when the store was at `revision`: the last version that is not newer. */
  stateOf(key: string, revision: number): Version | undefined {
    const versions = this.versionsOf(key);
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1];
  }
}

/** Tells events from others in one number. A transaction's events come in the order of its operations. */
export function markOf(events: readonly LoggedEvent[]): number {
  return events.reduce((mark, { type, key, value }) => crc32(`${type} ${key} ${value}\n`, mark), 0);
}

export function text(events: readonly LoggedEvent[]): string {
  if (events.length === 0) return 'nothing';
  return events.map(({ type, key, value }) => (type === 'put' ? `put ${key} = ${value}` : `delete ${key}`)).join(', ');
}
