/**
 * Leases on one member. What the log says of them is applied on every member alike (machine); what time does to them is the
 * leader's business alone, and here is the leader:
 *
 *     leads, and has applied an entry of its own term   ->  primary: a Lessor begins, in slices
 *     every tick    leases at their end                 ->  revoke, through the log
 *                   long leases, every five minutes     ->  checkpoint, through the log
 *     a keepalive   who leads? a majority agrees        ->  the Lessor begins the TTL anew
 *     leads no more                                     ->  the Lessor is forgotten
 *
 * Everything that a primary writes is proposed as the leader of the term in which it is one: a leader that was deposed and does not know it
 * ends no lease that its successor has renewed.
 *
 * Other members ask the leader (PeerTransport.ask), for as long as a request may take; who leads may change meanwhile.
 */

import type { Author } from '../auth/index.ts';
import {
  type Bytes,
  type Clock,
  type Failpoints,
  type Key,
  type Logger,
  type Prng,
  RequestError,
  type Timer,
} from '../base/index.ts';
import {
  decodePeerAnswer,
  decodePeerQuestion,
  encodeLeaseCheckpoint,
  encodeLeaseGrant,
  encodeLeaseRevoke,
  encodePeerAnswer,
  encodePeerQuestion,
  type LeaseTime,
  type PeerAnswer,
  type PeerQuestion,
  raftId,
} from '../codec/index.ts';
import {
  CHECKPOINT_LEASES_MAX,
  type Checkpoint,
  LEASE_EXPIRIES_PER_SECOND_MAX,
  LEASE_TTL_SECONDS_MAX,
  type Leases,
  Lessor,
  NO_LEASE,
} from '../lease/index.ts';
import type { LeaseGrantResult, MachineRequest } from '../machine/index.ts';
import type { PeerTransport } from '../peer/index.ts';
import type { ReplicatedLog } from './log.ts';
import type { LeaseAccess, Outcome, Proposal } from './member.ts';
import type { Proposer } from './proposer.ts';
import type { Reader } from './reader.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** How often it is looked what is due. Well below a second, the unit of leases, and below LEASE_TIME_STEP_MS_MAX. */
export const LEASE_TICK_MS = 100;
const EXPIRIES_PER_TICK_MAX: number = (LEASE_EXPIRIES_PER_SECOND_MAX * LEASE_TICK_MS) / 1000;
/** Revocations under way. The rest waits: it is late already. */
const EXPIRIES_PENDING_MAX = 500;
/** Leases promoted between looks at the clock. */
const PROMOTION_STEP_LEASES = 256;
/** Until the leader is asked again, when there was none, or it did not answer. */
const RETRY_MS = 50;
/** Each pass settles what the one before could not: leases not known yet, leases written down. */
const RENEWAL_PASSES_MAX = 4;

/** For the metrics. */
export interface LeaseCounts {
  renewed: number;
  expired: number;
}

export interface LeaseKeeperOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: ReplicatedLog;
  readonly proposer: Proposer;
  readonly reader: Reader;
  readonly transport: PeerTransport;
  /** Hands a request to the log. */
  readonly propose: (proposal: Proposal) => Promise<Outcome>;
  /** For ids: no two members may be given the same. */
  readonly prng: Prng;
  /** As applied so far. */
  readonly leases: () => Leases;
  /** The shortest lease: longer than it may take to find a new leader. */
  readonly ttlSecondsMin: number;
  /** By how much a new leader extends every lease: an election timeout. */
  readonly extensionMs: number;
  /** How long a request may take. */
  readonly timeoutMs: number;
  readonly failpoints?: Failpoints | undefined;
}

interface Primary {
  readonly term: number;
  readonly lessor: Lessor;
}

export class LeaseKeeper implements LeaseAccess {
  readonly #options: LeaseKeeperOptions;
  readonly counts: LeaseCounts = { renewed: 0, expired: 0 };
  #primary: Primary | undefined;
  #expiriesPending = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#tickLater();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  // ---- What the applier tells ----

  /** Everything up to an entry of this term has been applied. */
  advanced(term: number): void {
    const { clock, extensionMs, leases, log } = this.#options;
    if (this.#primary?.term === log.term || !log.isLeader || term !== log.term) return;
    // The first entry of the own term is behind this member, and all of earlier terms with it.
    const lessor = new Lessor(leases(), clock.now(), extensionMs);
    this.#primary = { term, lessor };
    void this.#promote(lessor);
  }

  applied(request: MachineRequest, ok: boolean): void {
    const { clock } = this.#options;
    if (!ok || this.#primary === undefined) return;
    if (request.kind === 'leaseGrant') this.#primary.lessor.granted(request.id, clock.now());
    else if (request.kind === 'leaseRevoke') this.#primary.lessor.revoked(request.id);
  }

  /** The state has been replaced: it is not this member that leads. */
  replaced(): void {
    this.#primary = undefined;
  }

  // ---- What services ask ----

  /** Id 0n: one is chosen. Rejects with RequestError leaseExists, leaseTtlTooLarge, or as proposing does. */
  async grant(id: bigint, ttl: number, by: Author): Promise<LeaseGrantResult> {
    const { propose, ttlSecondsMin } = this.#options;
    if (ttl > LEASE_TTL_SECONDS_MAX) throw new RequestError('leaseTtlTooLarge');
    const granted = { id: id === NO_LEASE ? this.#newId() : id, ttl: Math.max(ttl, ttlSecondsMin) };
    const request = encodeLeaseGrant({ kind: 'leaseGrant', ...granted });
    const outcome = await propose({ kind: 'leaseGrant', request, by });
    if (!outcome.ok) throw new RequestError(outcome.error);
    if (outcome.result.kind !== 'leaseGrant') throw new Error(`a grant came to ${outcome.result.kind}`);
    return outcome.result;
  }

  /** Resolves to the store's revision after it. Rejects with RequestError leaseNotFound, or as proposing does. */
  async revoke(id: bigint, by: Author): Promise<number> {
    const request = encodeLeaseRevoke({ kind: 'leaseRevoke', id });
    const outcome = await this.#options.propose({ kind: 'leaseRevoke', request, by });
    if (!outcome.ok) throw new RequestError(outcome.error);
    return outcome.result.revision;
  }

  /** The ids of all leases. Rejects as reading does. */
  async list(): Promise<readonly bigint[]> {
    await this.#options.reader.readIndex();
    return Array.from(this.#options.leases().all(), ({ id }) => id);
  }

  /** Renews the leases; resolves to their TTLs in seconds, 0 for one that is gone. Rejects with RequestError noLeader, timeout, stopped. */
  async renew(ids: readonly bigint[]): Promise<readonly number[]> {
    const answer = await this.#answered({ kind: 'renewLeases', ids });
    if (answer.kind === 'renewedLeases' && answer.ttls.length === ids.length) return answer.ttls;
    throw new Error(`a renewal was answered with ${answer.kind}`);
  }

  /** Rejects like renew. */
  async timeOf(id: bigint, withKeys: boolean): Promise<LeaseTime> {
    const answer = await this.#answered({ kind: 'leaseTime', id, withKeys });
    if (answer.kind === 'leaseTime') return answer.time;
    throw new Error(`a question for a lease's time was answered with ${answer.kind}`);
  }

  /** Answers another member. */
  async answer(bytes: Bytes): Promise<Bytes> {
    const question = decodePeerQuestion(bytes);
    if (question?.kind === 'renewLeases') await this.#options.failpoints?.reach('beforeServeHTTPLeaseRenew');
    else await this.#options.failpoints?.reach('beforeLookupWhenForwardLeaseTimeToLive');
    const answer = question === undefined ? undefined : await this.#answerHere(question);
    return encodePeerAnswer(answer ?? { kind: 'refused' });
  }

  keysOf(id: bigint): Iterable<Key> {
    return this.#options.leases().keysOf(id);
  }

  // ---- within ----

  /** 63 bits of chance, never 0 or negative. */
  #newId(): bigint {
    const { prng } = this.#options;
    const id = BigInt.asUintN(63, (BigInt(prng.next()) << 32n) | BigInt(prng.next()));
    return id === NO_LEASE || this.#options.leases().exists(id) ? this.#newId() : id;
  }

  /** The lessor, if this member is the primary at this moment. */
  #lessor(): Lessor | undefined {
    const { log } = this.#options;
    return this.#primary !== undefined && log.isLeader && this.#primary.term === log.term
      ? this.#primary.lessor
      : undefined;
  }

  /** Asks whoever leads, until there is an answer. */
  async #answered(question: PeerQuestion): Promise<PeerAnswer> {
    const { clock, log, timeoutMs } = this.#options;
    const deadline = clock.now() + timeoutMs;
    for (;;) {
      if (this.#stopped) throw new RequestError('stopped');
      const answer = log.isLeader ? await this.#answerHere(question) : await this.#askLeader(question);
      if (answer !== undefined && answer.kind !== 'refused') return answer;
      if (clock.now() >= deadline) throw new RequestError(log.leader === 0n ? 'noLeader' : 'timeout');
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }

  /** Undefined: there is no leader, or it has not answered. */
  async #askLeader(question: PeerQuestion): Promise<PeerAnswer | undefined> {
    const { log, logger, transport } = this.#options;
    if (log.leader === 0n) return undefined;
    try {
      return decodePeerAnswer(await transport.ask(raftId(log.leader), encodePeerQuestion(question)));
    } catch (error) {
      logger.debug('the leader has not answered a question for a lease', { error });
      return undefined;
    }
  }

  /** Undefined: this member is not the primary, or could not make sure that it is. */
  async #answerHere(question: PeerQuestion): Promise<PeerAnswer | undefined> {
    try {
      if (question.kind === 'leaseTime') return await this.#timeHere(question.id, question.withKeys);
      return await this.#renewHere(question.ids);
    } catch (error) {
      if (error instanceof RequestError && error.code !== 'stopped') return undefined;
      throw error;
    }
  }

  async #timeHere(id: bigint, withKeys: boolean): Promise<PeerAnswer | undefined> {
    const { clock, leases, reader } = this.#options;
    await reader.readIndex();
    await this.#options.failpoints?.reach('beforeLookupWhenLeaseTimeToLive');
    const lessor = this.#lessor();
    if (lessor === undefined) return undefined;
    const remainingMs = lessor.remainingMs(id, clock.now());
    const lease = leases().get(id);
    if (lease === undefined || remainingMs === undefined) {
      return { kind: 'leaseTime', time: { ttl: -1, grantedTtl: 0, keys: [] } };
    }
    const keys = withKeys ? [...leases().keysOf(id)].sort() : [];
    return { kind: 'leaseTime', time: { ttl: Math.floor(remainingMs / 1000), grantedTtl: lease.ttl, keys } };
  }

  /**
   * The fast lane: one question to the majority, which all that comes in this turn shares, and no waiting for entries to be applied. Only for
   * leases that this member does not know (yet), and for those of which was written down what was left.
   */
  async #renewHere(ids: readonly bigint[]): Promise<PeerAnswer | undefined> {
    const { clock, log, reader } = this.#options;
    await log.readIndex();
    const ttls = ids.map(() => 0);
    let left = ids.map((_, i) => i);
    for (let pass = 1; ; pass++) {
      const lessor = this.#lessor();
      if (lessor === undefined) return undefined;
      const now = clock.now();
      const unknown: number[] = [];
      const written: number[] = [];
      for (const i of left) {
        const renewal = lessor.renew(ids[i] ?? 0n, now);
        if (renewal.kind === 'renewed') ttls[i] = renewal.ttl;
        else (renewal.kind === 'unknown' ? unknown : written).push(i);
      }
      const isLast = pass === RENEWAL_PASSES_MAX;
      if (isLast && written.length > 0) return undefined;
      left = [...(pass === 1 ? unknown : []), ...written];
      if (left.length === 0) break;
      if (pass === 1 && unknown.length > 0) await reader.readIndex();
      if (written.length > 0) await this.#takeBack(written.map((i) => ids[i] ?? 0n));
    }
    this.counts.renewed += ttls.filter((ttl) => ttl > 0).length;
    return { kind: 'renewedLeases', ttls };
  }

  /** Has the log forget what was left of these leases. Rejects with a RequestError. */
  async #takeBack(ids: readonly bigint[]): Promise<void> {
    const primary = this.#primary;
    if (primary === undefined) throw new RequestError('notLeader');
    await this.#options.failpoints?.reach('beforeCheckpointInLeaseRenew');
    for (let at = 0; at < ids.length; at += CHECKPOINT_LEASES_MAX) {
      const some = ids.slice(at, at + CHECKPOINT_LEASES_MAX);
      await this.#checkpoint(
        primary.term,
        some.map((id) => ({ id, remainingTtl: 0 })),
      );
      for (const id of some) primary.lessor.takenBack(id);
    }
  }

  async #checkpoint(term: number, checkpoints: readonly Checkpoint[]): Promise<void> {
    const request = encodeLeaseCheckpoint({ kind: 'leaseCheckpoint', checkpoints });
    const outcome = await this.#options.proposer.proposeAsLeader(term, {
      kind: 'leaseCheckpoint',
      request,
      by: 'member',
    });
    if (!outcome.ok) throw new RequestError(outcome.error);
  }

  // ---- The primary's work ----

  /** In slices. Never rejects. */
  async #promote(lessor: Lessor): Promise<void> {
    const { clock, leases, logger, log } = this.#options;
    let until = clock.now() + SLICE_MS;
    while (!lessor.promote(clock.now(), PROMOTION_STEP_LEASES)) {
      if (clock.now() < until) continue;
      await nextTurn(clock);
      until = clock.now() + SLICE_MS;
      if (this.#lessor() !== lessor) return;
    }
    logger.info('keeps the time of the leases', { 'raft-term': log.term, leases: leases().size });
  }

  #tickLater(): void {
    this.#timer = this.#options.clock.after(LEASE_TICK_MS, () => {
      this.#tickLater();
      this.#tick();
    });
  }

  #tick(): void {
    const lessor = this.#lessor();
    if (lessor === undefined || this.#primary === undefined) return;
    const { term } = this.#primary;
    const now = this.#options.clock.now();
    const room = Math.min(EXPIRIES_PER_TICK_MAX, EXPIRIES_PENDING_MAX - this.#expiriesPending);
    for (const id of lessor.takeExpired(now, room)) void this.#expire(id, term, lessor);
    const due = lessor.takeCheckpoints(now, CHECKPOINT_LEASES_MAX);
    if (due.length > 0) void this.#writeDown(due, term);
  }

  /** Never rejects: what could not be revoked now is tried again. */
  async #expire(id: bigint, term: number, lessor: Lessor): Promise<void> {
    this.#expiriesPending++;
    // Of the very lease: by the time that this is applied, there may be another one of its id.
    const lease = this.#options.leases().get(id);
    const retry = (mayBeLogged: boolean): void => {
      if (this.#options.leases().get(id) === lease) lessor.retry(id, this.#options.clock.now(), mayBeLogged);
    };
    try {
      const request = encodeLeaseRevoke({ kind: 'leaseRevoke', id, grantedAt: lease?.grantedAt });
      const outcome = await this.#options.proposer.proposeAsLeader(term, {
        kind: 'leaseRevoke',
        request,
        by: 'member',
      });
      if (outcome.ok) this.counts.expired++;
      // Somebody else has revoked it: the lessor knows. Another refusal (an alarm) may pass.
      else retry(false);
    } catch (error) {
      this.#options.logger.debug('could not revoke a lease at its end', { id, error });
      const isRefused = error instanceof RequestError && error.definite;
      retry(!isRefused);
    } finally {
      this.#expiriesPending--;
    }
  }

  /** Never rejects: it is due again in five minutes, and without it the lease lives longer. */
  async #writeDown(due: readonly Checkpoint[], term: number): Promise<void> {
    try {
      await this.#checkpoint(term, due);
    } catch (error) {
      this.#options.logger.warn('could not write down what is left of leases', { leases: due.length, error });
    }
  }
}
