/**
 * Streams whose clients want a leader behind them (metadata `hasleader: true`): a member that has been cut off from its leader would keep
 * them open and silent, and their clients at the wrong member.
 *
 *     a look each election timeout:   leader   -   leader   -   -   -
 *     looks in a row without one:       0      1     0      1   2   3: all of them are ended, with `no leader`
 */

import { type Clock, ERRORS, type Timer } from '../base/index.ts';
import type { CallContext, CallStatus, SendStream } from '../wire/index.ts';

/** Looks in a row without a leader that end the streams. etcd's number. */
export const LOOKS_WITHOUT_LEADER_MAX = 3;

const { status, text } = ERRORS.noLeader;
const NO_LEADER: CallStatus = { code: status, message: text };

export class LeaderBound {
  readonly #clock: Clock;
  readonly #electionMs: number;
  readonly #hasLeader: () => boolean;
  readonly #calls = new Set<LeaderBoundCall>();
  #looksWithout = 0;
  /** Runs as long as there is somebody to look for. */
  #timer: Timer | undefined;

  constructor(clock: Clock, electionMs: number, hasLeader: () => boolean) {
    this.#clock = clock;
    this.#electionMs = electionMs;
    this.#hasLeader = hasLeader;
  }

  /** The call as its handler is to see it. */
  bind(call: CallContext, stream: SendStream): CallContext {
    const bound = new LeaderBoundCall(call, stream);
    this.#calls.add(bound);
    call.onEnded(() => this.#left(bound));
    this.#lookLater();
    return bound;
  }

  #left(call: LeaderBoundCall): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#looksWithout = 0;
  }

  #lookLater(): void {
    this.#timer ??= this.#clock.after(this.#electionMs, () => {
      this.#timer = undefined;
      this.#looksWithout = this.#hasLeader() ? 0 : this.#looksWithout + 1;
      if (this.#looksWithout >= LOOKS_WITHOUT_LEADER_MAX) for (const call of this.#calls) call.leaderLost();
      if (this.#calls.size > 0) this.#lookLater();
    });
  }
}

/** Cancelled when the client's call is, and when the leader is lost. */
class LeaderBoundCall implements CallContext {
  readonly #call: CallContext;
  readonly #stream: SendStream;
  #isCancelled = false;
  #listeners: (() => void)[] = [];

  constructor(call: CallContext, stream: SendStream) {
    this.#call = call;
    this.#stream = stream;
    call.onCancelled(() => this.#cancel());
  }

  get method(): string {
    return this.#call.method;
  }

  get metadata(): ReadonlyMap<string, string> {
    return this.#call.metadata;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get commonName(): string | undefined {
    return this.#call.commonName;
  }

  get cancelled(): boolean {
    return this.#isCancelled || this.#call.cancelled;
  }

  onCancelled(listener: () => void): void {
    if (this.cancelled) queueMicrotask(listener);
    else this.#listeners.push(listener);
  }

  onEnded(listener: () => void): void {
    this.#call.onEnded(listener);
  }

  leaderLost(): void {
    // First: what the handler says when it hears of it comes too late.
    this.#stream.end(NO_LEADER);
    this.#cancel();
  }

  #cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
