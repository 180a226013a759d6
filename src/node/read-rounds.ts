/**
 * Reads that wait for an index from Raft (thesis 6.4). All that come in one turn share one question; one that is refused, for want of a
 * leader or because leadership was lost, is put again until the time limit.
 */

import { type Clock, RequestError } from '../base/index.ts';
import type { ReadOutcome, Ticket } from '../raft/index.ts';

interface Waiting {
  readonly deadline: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: Error) => void;
}

/** Reads at once. More are refused: whoever is so far ahead must be told. */
const READS_WAITING_MAX = 65_536;

export class ReadRounds {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #question: () => Ticket | undefined;
  #waiting: Waiting[] = [];
  readonly #asked = new Map<Ticket, Waiting[]>();
  #askedReads = 0;
  /** Of all time, for the metrics. */
  failed = 0;
  #stopped = false;

  /** `question` puts a question to Raft; undefined: there is nobody to ask. */
  constructor(clock: Clock, limitMs: number, question: () => Ticket | undefined) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#question = question;
  }

  /** Resolves to the index to have applied. Rejects with RequestError noLeader, timeout, tooManyRequests, stopped. */
  ask(): Promise<number> {
    if (this.#stopped) return Promise.reject(new RequestError('stopped'));
    if (this.#waiting.length + this.#askedReads >= READS_WAITING_MAX) {
      return Promise.reject(new RequestError('tooManyRequests'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ deadline: this.#clock.now() + this.#limitMs, resolve, reject });
    });
  }

  /** Puts one question for all who wait. */
  putQuestion(): void {
    if (this.#waiting.length === 0) return;
    const ticket = this.#question();
    if (ticket === undefined) return;
    this.#asked.set(ticket, this.#waiting);
    this.#askedReads += this.#waiting.length;
    this.#waiting = [];
  }

  answered({ ticket, index }: ReadOutcome): void {
    const reads = this.#take(ticket);
    if (index === undefined) this.#waiting.push(...reads);
    else for (const read of reads) read.resolve(index);
  }

  /** Gives up those past their time. To be called every tick. */
  expire(): void {
    const now = this.#clock.now();
    this.#waiting = this.#keep(this.#waiting, now, 'noLeader');
    for (const [ticket, reads] of this.#asked) {
      // All of one question were asked in one turn, or before: the last is the youngest.
      if ((reads.at(-1)?.deadline ?? 0) > now) break;
      this.#take(ticket);
      this.#keep(reads, Number.POSITIVE_INFINITY, 'timeout');
    }
  }

  stop(): void {
    this.#stopped = true;
    const all = [...this.#waiting, ...[...this.#asked.values()].flat()];
    this.#waiting = [];
    this.#asked.clear();
    for (const read of all) read.reject(new RequestError('stopped'));
  }

  #take(ticket: Ticket): Waiting[] {
    const reads = this.#asked.get(ticket) ?? [];
    this.#asked.delete(ticket);
    this.#askedReads -= reads.length;
    return reads;
  }

  #keep(reads: readonly Waiting[], now: number, code: 'noLeader' | 'timeout'): Waiting[] {
    return reads.filter((read) => {
      if (read.deadline > now) return true;
      this.failed++;
      read.reject(new RequestError(code));
      return false;
    });
  }
}
