/**
 * Proposals on their way: from a service's request, through the log, to what applying it came to.
 *
 * Each is given an id that travels in its entry; the applier finds the proposal that waits for the entry by it. Ids are
 * drawn from a random start on, so that entries of an earlier run of this member, replayed at boot, answer nobody.
 */

import { type Author, NOBODY } from '../auth/index.ts';
import { AscendingMap, type Bytes, type Clock, type ErrorCode, RequestError, type Timer } from '../base/index.ts';
import { encodeInternalRequest, internalRequestId } from '../codec/index.ts';
import type { MachineRequest } from '../machine/index.ts';
import type { ReplicatedLog } from './log.ts';
import type { Outcome, Proposal } from './member.ts';

/** etcd refuses at this many committed and not applied entries; here all that are under way count. */
export const PROPOSALS_PENDING_MAX = 5000;

/** How often proposals past their time limit are looked for. */
const SWEEP_MS = 500;

/** What an entry asks, on whose behalf, and by which id somebody may wait for the answer. */
export interface Asked {
  readonly id: number;
  readonly by: Author;
  readonly asked: MachineRequest;
}

interface Pending {
  readonly number: number;
  readonly deadline: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
  /** What these very bytes of an entry ask, if that was said. Views of what was received, which is kept until it is applied. */
  readonly own: (Asked & { readonly data: Bytes }) | undefined;
}

export interface ProposerOptions {
  readonly clock: Clock;
  /** How long a proposal may wait for its outcome. */
  readonly timeoutMs: number;
  /** Where the ids begin. */
  readonly firstId: number;
}

export class Proposer {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #firstId: number;
  #proposed = 0;
  #log: ReplicatedLog | undefined;
  /** By what the id adds to the first (a small number is found faster), oldest first, and the time limit is the same for all. */
  readonly #pending = new AscendingMap<Pending>();
  #sweep: Timer | undefined;
  #refusal: ErrorCode | undefined;
  /** Proposals that failed, of all time. */
  failed = 0;

  constructor(options: ProposerOptions) {
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#firstId = options.firstId;
  }

  get pending(): number {
    return this.#pending.size;
  }

  start(log: ReplicatedLog): void {
    this.#log = log;
  }

  /** Rejects with a RequestError: definite if the request never reached the log. */
  propose({ kind, request, by = NOBODY, asked }: Proposal): Promise<Outcome> {
    const log = this.#log;
    if (log === undefined) return Promise.reject(new RequestError('noLeader'));
    const refusal = this.#refusalNow();
    if (refusal !== undefined) return Promise.reject(new RequestError(refusal));
    const number = this.#proposed++;
    const id = this.#firstId + number;
    const data = encodeInternalRequest({ id, kind, request, by });
    const own = asked === undefined ? undefined : { id, by, asked, data };
    return new Promise((resolve, reject) => {
      this.#add(number, resolve, reject, own);
      log.propose(data, (error) => this.#fail(number, error));
    });
  }

  /** The same, for what only the leader of this term may want. */
  proposeAsLeader(term: number, { kind, request, by = NOBODY }: Proposal): Promise<Outcome> {
    const log = this.#log;
    if (log === undefined) return Promise.reject(new RequestError('noLeader'));
    return this.track((id, failed) =>
      log.proposeAsLeader(term, encodeInternalRequest({ id, kind, request, by }), failed),
    );
  }

  /** Waits for what comes of something that `begin` proposes under the id it is given. */
  track(begin: (id: number, failed: (error: RequestError) => void) => void): Promise<Outcome> {
    const refusal = this.#refusalNow();
    if (refusal !== undefined) return Promise.reject(new RequestError(refusal));
    const number = this.#proposed++;
    return new Promise<Outcome>((resolve, reject) => {
      this.#add(number, resolve, reject, undefined);
      begin(this.#firstId + number, (error) => this.#fail(number, error));
    });
  }

  /**
   * What an entry asks, if its bytes are not only equal to those of a proposal under way here but the same object: then nothing
   * can have come in their place. Undefined for all others; these are to be decoded.
   */
  own(data: Bytes): Asked | undefined {
    const own = this.#pending.get(internalRequestId(data) - this.#firstId)?.own;
    return own?.data === data ? own : undefined;
  }

  /** The entry of this proposal has been applied. An id that nobody waits for is another run's, or was given up. */
  settle(id: number, outcome: Outcome): void {
    this.#pending.delete(id - this.#firstId)?.resolve(outcome);
  }

  /** Whether somebody waits for the proposal of this id. */
  awaits(id: number): boolean {
    return this.#pending.get(id - this.#firstId) !== undefined;
  }

  /** Whether the log is short of space: while it is, what comes is refused, and what is under way still fits. */
  shortOfSpace = false;

  /** Refuses what comes from now on; what is under way goes on. */
  refuse(code: ErrorCode): void {
    this.#refusal ??= code;
  }

  /** Gives up all that is under way, and refuses what comes. What had been logged may still take effect. */
  stop(): void {
    this.refuse('stopped');
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const { number } of this.#pending.values()) this.#fail(number, new RequestError('stopped'));
  }

  #refusalNow(): ErrorCode | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.shortOfSpace) return 'logFailed';
    return this.#pending.size >= PROPOSALS_PENDING_MAX ? 'tooManyRequests' : undefined;
  }

  #add(number: number, resolve: Pending['resolve'], reject: Pending['reject'], own: Pending['own']): void {
    this.#pending.set(number, { number, deadline: this.#clock.now() + this.#timeoutMs, resolve, reject, own });
    this.#armSweep();
  }

  #fail(number: number, error: RequestError): void {
    const pending = this.#pending.delete(number);
    if (pending === undefined) return;
    this.failed++;
    pending.reject(error);
  }

  #armSweep(): void {
    if (this.#sweep !== undefined || this.#pending.size === 0) return;
    this.#sweep = this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = this.#clock.now();
      for (let { oldest } = this.#pending; oldest !== undefined && oldest.deadline <= now; { oldest } = this.#pending) {
        this.#fail(oldest.number, new RequestError('timeout'));
      }
      this.#armSweep();
    });
  }
}
