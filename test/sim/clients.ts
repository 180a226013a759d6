/**
 * Clients: each asks one member for one thing after the other, and remembers what it was told. Every answer is held against the history,
 * and against what had been told to anybody before the question was put:
 *
 *     put 7 ──────── ok, revision 12
 *                      get ──────────────── must be of revision 12 or later, and hold what the history holds there
 *
 * The revisions put all writes in one order, so this is all that it takes to be linearizable: each thing has its place in the order, and
 * whatever was over before another began comes before it.
 */

import { below, type ErrorCode, type KeyRange, keyOf, type Prng, pick } from '../../src/base/index.ts';
import { decodeKeyValue, type RangeOperation, type RangeResult } from '../../src/mvcc/index.ts';
import type { Node, Outcome } from '../../src/node/index.ts';
import type { History, Pair } from './history.ts';
import type { Life, SimulatedMember } from './member.ts';
import { type Change, proposalOf, type WriteRequest } from './request.ts';
import type { Settings } from './settings.ts';
import type { Trace } from './trace.ts';
import { ensure } from './violation.ts';

export type Fate = 'open' | 'acknowledged' | 'refused' | 'unknown';

/** A write that was asked for. */
interface Written {
  readonly number: number;
  readonly request: WriteRequest;
  readonly life: Life;
  /** What had been acknowledged before: the write must come behind it. */
  readonly after: Mark;
  fate: Fate;
}

/** A place in the order of things. */
interface Mark {
  readonly index: number;
  readonly revision: number;
}

export interface ClientsOptions {
  readonly settings: Settings;
  readonly prng: Prng;
  readonly history: History;
  readonly trace: Trace;
  readonly members: () => readonly SimulatedMember[];
  readonly failed: (error: unknown) => void;
}

const EVERYTHING: KeyRange = { key: '\0', end: '\u0100' };

export class Clients {
  readonly #options: ClientsOptions;
  readonly #writes: Written[] = [];
  #acknowledged: Mark = { index: 0, revision: 1 };
  /** Reads under way, by the life that was asked. */
  readonly #reads = new Map<Life, number>();
  /** Answers that have come in this step. */
  #answers: (() => void)[] = [];
  acknowledgedWrites = 0;
  answeredReads = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  get writes(): number {
    return this.#writes.length;
  }

  /** Lets one client ask for something, somewhere. */
  act(): void {
    const { prng, members } = this.#options;
    const serving = members().filter((member) => member.serving !== undefined);
    if (serving.length === 0) return;
    const member = pick(prng, serving);
    if (below(prng, 100) < 65) this.write(member, this.#someRequest());
    else this.#read(member);
  }

  /** Asks a member for a write. */
  write(member: SimulatedMember, request: WriteRequest): void {
    const { trace, failed } = this.#options;
    const { life, serving } = member;
    if (life === undefined || serving === undefined || serving.isLearner) return;
    const number = this.#writes.length + 1;
    const written: Written = { number, request, life, after: this.#acknowledged, fate: 'open' };
    this.#writes.push(written);
    trace.note(() => `${member.name} < ${number} ${describeRequest(request)}`, `write ${number}`);
    serving
      .propose(proposalOf(number, request))
      .then(
        (outcome) => void this.#answers.push(() => this.#answered(written, outcome)),
        (error: unknown) => void this.#answers.push(() => this.#refused(written, error)),
      )
      .catch(failed);
  }

  /** Looks at the answers of this step, once the history knows of all that was committed in it. */
  look(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }

  /** The process is gone: nobody will ever know from it. */
  ended(life: Life): void {
    for (const written of this.#writes) {
      if (written.life === life && written.fate === 'open') written.fate = 'unknown';
    }
    this.#reads.delete(life);
  }

  /** Whether everything has been answered. */
  get isQuiet(): boolean {
    return this.#writes.every(({ fate }) => fate !== 'open') && [...this.#reads.values()].every((count) => count === 0);
  }

  /** At the end: what was acknowledged is there, what was refused is not, and everything comes after what was over when it began. */
  checkFates(): void {
    const { history } = this.#options;
    for (const { number, fate, after, request } of this.#writes) {
      const effect = history.of(number);
      const what = (): string => `${describeRequest(request)} (request ${number})`;
      ensure(fate !== 'acknowledged' || effect !== undefined, () => `${what()} was acknowledged, and is gone`);
      ensure(fate !== 'refused' || effect === undefined, () => `${what()} was refused, and is at ${effect?.index}`);
      if (effect === undefined) continue;
      ensure(
        effect.index > after.index && effect.revision >= after.revision,
        () => `${what()} is at ${effect.index}, before ${after.index}, which was over when it was asked for`,
      );
    }
  }

  // ---- Writing ----

  #answered(written: Written, outcome: Outcome): void {
    const { history, trace } = this.#options;
    const { number, request, life } = written;
    if (written.fate === 'unknown') return;
    written.fate = 'acknowledged';
    this.acknowledgedWrites++;
    trace.note(
      () => `${life.member.name} > ${number} ${outcome.ok ? outcome.result.kind : outcome.error}`,
      `ok ${number}`,
    );
    const effect = history.of(number);
    ensure(effect !== undefined, () => `request ${number} is acknowledged, and nobody has committed it`);
    ensure(
      outcome.ok === effect.ok,
      () => `request ${number} came to ${JSON.stringify(outcome)}, not to ok=${effect.ok}`,
    );
    this.#nowKnown(effect);
    if (!outcome.ok) return;
    const { result } = outcome;
    if (result.kind === 'alarm' || result.kind === 'range') return;
    ensure(result.kind === request.kind, () => `a ${request.kind} is answered as a ${result.kind}`);
    ensure(
      result.revision === effect.revision,
      () => `request ${number} is told revision ${result.revision}, and made ${effect.revision}`,
    );
    if (result.kind === 'deleteRange') {
      ensure(result.deleted === effect.deleted, () => `${result.deleted} deleted, not ${effect.deleted}`);
    }
    if (result.kind === 'txn') {
      ensure(result.succeeded === effect.succeeded, () => `request ${number}: succeeded is ${result.succeeded}`);
    }
  }

  #refused(written: Written, error: unknown): void {
    if (written.fate === 'unknown') return;
    const { code, definite } = requestError(error);
    this.#options.trace.note(`${written.life.member.name} > ${written.number} ${code}${definite ? '' : ', perhaps'}`);
    written.fate = definite ? 'refused' : 'unknown';
  }

  #nowKnown({ index, revision }: Mark): void {
    const { index: before, revision: revisionBefore } = this.#acknowledged;
    this.#acknowledged = { index: Math.max(before, index), revision: Math.max(revisionBefore, revision) };
  }

  #someRequest(): WriteRequest {
    const { prng, settings, history } = this.#options;
    const number = this.#writes.length + 1;
    if (below(prng, settings.compactOneIn) === 0) {
      return { kind: 'compaction', revision: Math.max(1, history.revision - below(prng, 30)) };
    }
    const choice = below(prng, 10);
    if (choice < 6) return this.#somePut(number, 0);
    if (choice < 8) return this.#someDelete();
    const key = this.#someKey();
    const condition = pick(prng, ['equal', 'greater', 'less'] as const);
    const compare =
      below(prng, 2) === 0
        ? { key, target: 'version' as const, result: condition, number: below(prng, 3) }
        : { key, target: 'mod' as const, result: condition, number: history.revision - below(prng, 10) };
    return { kind: 'txn', compare: [compare], success: this.#someChanges(number), failure: this.#someChanges(number) };
  }

  /** No key twice: that would be refused before it comes here. */
  #someChanges(number: number): readonly Change[] {
    const changes = new Map<string, Change>();
    for (let i = below(this.#options.prng, 4); i > 0; i--) {
      const put = this.#somePut(number, i);
      const isPut = below(this.#options.prng, 3) > 0;
      changes.set(put.key, isPut ? put : { kind: 'deleteRange', range: { key: put.key, end: undefined } });
    }
    return [...changes.values()];
  }

  #somePut(number: number, part: number): Extract<Change, { kind: 'put' }> {
    const size = below(this.#options.prng, 10) === 0 ? 200 : 1;
    return { kind: 'put', key: this.#someKey(), value: `${number}.${part}${'.'.repeat(size)}` };
  }

  #someDelete(): Change {
    const key = this.#someKey();
    const isRange = below(this.#options.prng, 4) === 0;
    return { kind: 'deleteRange', range: { key, end: isRange ? `${key}~` : undefined } };
  }

  #someKey(): string {
    const { prng, settings } = this.#options;
    return `k${below(prng, settings.keys)}`;
  }

  // ---- Reading ----

  #read(member: SimulatedMember): void {
    const { failed, prng } = this.#options;
    const { life, serving } = member;
    if (life === undefined || serving === undefined) return;
    const serializable = serving.isLearner || below(prng, 2) === 0;
    const operation = this.#someRange(serializable);
    const after = this.#acknowledged;
    this.#reads.set(life, (this.#reads.get(life) ?? 0) + 1);
    void readOf(serving, operation)
      .then(
        (result) => void this.#answers.push(() => this.#wasRead(life, operation, after, result)),
        (error: unknown) => void this.#answers.push(() => this.#readRefused(life, operation, error)),
      )
      .catch(failed);
  }

  #someRange(serializable: boolean): RangeOperation {
    const { prng, history } = this.#options;
    const everything = below(prng, 3) === 0;
    return {
      kind: 'range',
      range: everything ? EVERYTHING : { key: this.#someKey(), end: undefined },
      limit: 0,
      revision: below(prng, 5) === 0 ? Math.max(1, history.revision - below(prng, 20)) : 0,
      sortOrder: 'none',
      sortTarget: 'key',
      serializable,
      keysOnly: false,
      countOnly: false,
      minModRevision: 0,
      maxModRevision: 0,
      minCreateRevision: 0,
      maxCreateRevision: 0,
    };
  }

  #readEnds(life: Life): void {
    this.#reads.set(life, (this.#reads.get(life) ?? 1) - 1);
  }

  #wasRead(life: Life, operation: RangeOperation, after: Mark, result: RangeResult): void {
    if (life.isOver) return;
    this.#readEnds(life);
    const { history, trace } = this.#options;
    this.answeredReads++;
    trace.note(`${life.member.name} > ${result.count} of ${operation.range.key} at revision ${result.revision}`);
    if (!operation.serializable) {
      ensure(
        result.revision >= after.revision,
        () => `a read at ${life.member.name} saw revision ${result.revision}; ${after.revision} was known before`,
      );
      this.#nowKnown({ index: 0, revision: result.revision });
    }
    const revision = operation.revision > 0 ? operation.revision : result.revision;
    const wanted = history.pairs(operation.range, revision).map(describePair).join(' ');
    const found = result.kvs.map((bytes) => describePair(pairOf(bytes))).join(' ');
    ensure(
      found === wanted,
      () => `a read at ${life.member.name} of revision ${revision} saw\n${found}\nnot\n${wanted}`,
    );
  }

  #readRefused(life: Life, { revision }: RangeOperation, error: unknown): void {
    if (life.isOver) return;
    this.#readEnds(life);
    const { history, trace } = this.#options;
    const { code } = requestError(error);
    trace.note(`${life.member.name} > read: ${code}`);
    if (code === 'compacted') {
      ensure(revision < history.compacted, () => `revision ${revision} is refused, but not compacted`);
    }
  }
}

async function readOf(node: Node, operation: RangeOperation): Promise<RangeResult> {
  if (!operation.serializable) await node.readIndex();
  return await node.range(operation);
}

/** The pair in these bytes. */
export function pairOf(bytes: Uint8Array): Pair {
  const { key, value, createRevision, modRevision, version } = decodeKeyValue(bytes);
  return { key, value: keyOf(value), create: createRevision, mod: modRevision, version };
}

export function describePair({ key, value, create, mod, version }: Pair): string {
  return `${key}=${value.replace(/\.+$/, '')} (${create} ${mod} v${version} ${value.length})`;
}

/** An error of the table of errors: anything else is none that a client may see. */
function requestError(error: unknown): { readonly code: ErrorCode; readonly definite: boolean } {
  ensure(
    error instanceof Error && error.name === 'RequestError',
    () => `a client was told ${error instanceof Error ? error.stack : String(error)}`,
  );
  return error as Error & { code: ErrorCode; definite: boolean };
}

function describeRequest(request: WriteRequest): string {
  switch (request.kind) {
    case 'put':
      return `put ${request.key}`;
    case 'deleteRange':
      return `delete ${request.range.key}${request.range.end === undefined ? '' : `..${request.range.end}`}`;
    case 'compaction':
      return `compact ${request.revision}`;
    case 'txn': {
      const changes = (list: readonly Change[]): string => list.map(describeRequest).join(', ');
      const compare = request.compare.map(({ key, target, result, number }) => `${target} ${key} ${result} ${number}`);
      return `txn if ${compare.join()} then [${changes(request.success)}] else [${changes(request.failure)}]`;
    }
    default:
      return request satisfies never;
  }
}
