/**
 * Who the members are (thesis chapter 4), and how that changed along the log.
 *
 * Between two sets of voters there is a joint configuration, in which every decision needs a majority of both (4.3):
 *
 *     log      ... [voters 1 2 3]      ... [voters 3 4 5, outgoing 1 2 3]   ... [voters 3 4 5]
 *     decided by    majority of 1 2 3       majorities of 3 4 5 and 1 2 3        majority of 3 4 5
 *
 * A member always uses the newest configuration in its log, committed or not (4.1). So a truncation of the log can bring
 * back an older one; that is what the history is for. Its length is the number of configuration entries in the log.
 */

import { assert, present } from '../base/index.ts';
import type { Entry, MemberId, SnapshotMark } from './entry.ts';

/** All lists sorted, so that equal configurations are equal entry by entry. */
export interface Configuration {
  readonly voters: readonly MemberId[];
  /** The voters before, while the change is under way; empty otherwise. */
  readonly votersOutgoing: readonly MemberId[];
  /** Members that receive the log and have no vote (4.2.1). */
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing set that will be learners once it is gone. */
  readonly learnersNext: readonly MemberId[];
  /** Whether the leader leaves the joint configuration by itself as soon as it is committed. */
  readonly autoLeave: boolean;
}

export const EMPTY_CONFIGURATION: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** The configuration of these voters and learners, with no change under way. */
export function configurationOf(voters: readonly MemberId[], learners: readonly MemberId[] = []): Configuration {
  return { ...EMPTY_CONFIGURATION, voters: [...voters].sort(), learners: [...learners].sort() };
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Whether `id` has a vote now, in either set. */
export function isVoter(configuration: Configuration, id: MemberId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** Everyone the log goes to, sorted, each once. */
export function membersOf(configuration: Configuration): MemberId[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort();
}

interface Dated {
  readonly index: number;
  readonly configuration: Configuration;
}

/** The configurations of a log, oldest first. The first stands for everything up to the log's start. */
export class ConfigurationHistory {
  #dated: Dated[];

  constructor(base: SnapshotMark) {
    this.#dated = [{ index: base.index, configuration: base.configuration }];
  }

  get latest(): Configuration {
    return this.#last().configuration;
  }

  /** Index of the entry that holds the latest configuration. */
  get latestIndex(): number {
    return this.#last().index;
  }

  /** The configuration after the entry at `index`, which must not be below the log's start. */
  at(index: number): Configuration {
    return present(
      this.#dated.findLast((dated) => dated.index <= index),
      `a configuration at index ${index}`,
    ).configuration;
  }

  /** Takes notice of entries that were appended. Returns whether the latest configuration is another now. */
  append(entries: readonly Entry[]): boolean {
    const before = this.#dated.length;
    for (const entry of entries) {
      if (entry.kind !== 'configuration') continue;
      assert(entry.index > this.latestIndex, `configuration at ${entry.index} is not after ${this.latestIndex}`);
      this.#dated.push({ index: entry.index, configuration: entry.configuration });
    }
    return this.#dated.length !== before;
  }

  /** Forgets the entries at `from` and after it. Returns whether the latest configuration is another now. */
  truncate(from: number): boolean {
    const before = this.#dated.length;
    while (this.#dated.length > 1 && this.latestIndex >= from) this.#dated.pop();
    return this.#dated.length !== before;
  }

  /** The log now starts after `index`: what was before is summed up in one configuration. */
  compact(index: number): void {
    const base = { index, configuration: this.at(index) };
    this.#dated = [base, ...this.#dated.filter((dated) => dated.index > index)];
  }

  /** A snapshot took the place of the whole log. */
  restore(mark: SnapshotMark): void {
    this.#dated = [{ index: mark.index, configuration: mark.configuration }];
  }

  #last(): Dated {
    return present(this.#dated.at(-1), 'the latest configuration');
  }
}
