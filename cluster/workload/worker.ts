/**
 * One client at work: an operation at a time, at its pace, on one member as long as that answers. What it was told goes into the
 * record, with what it may conclude from an error.
 */

import { below, type Prng, present } from '../../src/base/index.ts';
import { type Client, ClientError, del, get, put } from '../../src/client/index.ts';
import type { Operation, Outcome } from '../checker/index.ts';
import type { Record } from './record.ts';
import type { Slots } from './slots.ts';
import { filled, nameIn } from './value.ts';

/** An operation that takes longer is given up: its outcome is unknown. */
const ANSWER_WITHIN_MS = 2_000;

export interface WorkerOptions {
  readonly name: string;
  readonly prng: Prng;
  /** A client for each member. */
  readonly clients: readonly Client[];
  readonly slots: Slots;
  readonly record: Record;
}

/** The revisions of a put and of the delete after it. */
export interface Marked {
  readonly put: number;
  readonly delete: number;
}

/** What an operation was, without its outcome. */
type Unfinished<T> = T extends Operation ? Omit<T, 'outcome' | 'invokedAt' | 'completedAt' | 'revision'> : never;

interface Answer {
  /** With what the answer told. */
  readonly operation: Unfinished<Operation>;
  readonly revision: number;
}

export class Worker {
  readonly #options: WorkerOptions;
  #member: number;
  #count = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#member = below(options.prng, options.clients.length);
  }

  async write(): Promise<void> {
    const { prng, slots } = this.#options;
    const { key, other, value: expected } = slots.draw(prng);
    const value = `${this.#options.name}-${this.#count++}`;
    const choice = below(prng, 100);
    if (choice < 55) await this.#put(key, value);
    else if (choice < 70) await this.#pair(key, other, value);
    else if (choice < 80) await this.#delete(key);
    else if (expected === undefined) await this.#put(key, value);
    else await this.#swap(key, expected, value);
  }

  async read(): Promise<void> {
    const { prng, slots, clients } = this.#options;
    const { key } = slots.draw(prng);
    // Readers go from member to member: each must know what was told by the others.
    this.#member = below(prng, clients.length);
    const serializable = below(prng, 5) === 0;
    const operation = { kind: 'read', key, seen: undefined, serializable } as const;
    await this.#do(operation, async (client) => {
      const { kvs, revision } = await client.get(key, { serializable, deadlineMs: ANSWER_WITHIN_MS });
      const seen = kvs[0] === undefined ? undefined : nameIn(kvs[0].value);
      return { operation: { ...operation, seen }, revision };
    });
  }

  /** Puts a key and deletes it, each until it was acknowledged. Rejects when `signal` is aborted first. */
  async mark(key: string, signal: AbortSignal): Promise<Marked> {
    const put = await this.#until(signal, 'put', () => this.#put(key, `${this.#options.name}-${this.#count++}`));
    return { put, delete: await this.#until(signal, 'delete', () => this.#delete(key)) };
  }

  /** The revision of the one that was acknowledged. A delete that finds nothing follows one that nobody answered. */
  async #until(signal: AbortSignal, kind: 'put' | 'delete', act: () => Promise<void>): Promise<number> {
    for (;;) {
      signal.throwIfAborted();
      await act();
      const last = this.#options.record.operations.at(-1);
      if (last?.kind === kind && last.outcome === 'ok') return last.revision;
    }
  }

  #put(key: string, value: string): Promise<void> {
    const operation = { kind: 'put', key, value } as const;
    return this.#do(operation, async (client) => {
      const { revision } = await client.put(key, filled(value), { deadlineMs: ANSWER_WITHIN_MS });
      this.#options.slots.saw(key, value);
      return { operation, revision };
    });
  }

  #pair(key: string, other: string, value: string): Promise<void> {
    const operation = { kind: 'pair', key, other, value } as const;
    return this.#do(operation, async (client) => {
      const both = { success: [put(key, filled(value)), put(other, filled(value))] };
      const { revision } = await client.txn(both, { deadlineMs: ANSWER_WITHIN_MS });
      this.#options.slots.saw(key, value);
      return { operation, revision };
    });
  }

  /** Half of the deletes are transactions: they are answered in another way. */
  #delete(key: string): Promise<void> {
    const operation = { kind: 'delete', key, found: false } as const;
    const inTxn = below(this.#options.prng, 2) === 0;
    return this.#do(operation, async (client) => {
      const options = { deadlineMs: ANSWER_WITHIN_MS };
      const answer = inTxn ? await client.txn({ success: [del(key)] }, options) : await client.del(key, options);
      const deleted = answer.kind === 'txn' ? answer.results[0] : answer;
      this.#options.slots.saw(key, undefined);
      const found = deleted?.kind === 'del' && deleted.deleted > 0;
      return { operation: { ...operation, found }, revision: answer.revision };
    });
  }

  #swap(key: string, expected: string, value: string): Promise<void> {
    const operation = { kind: 'swap', key, expected, value, swapped: false, seen: undefined } as const;
    return this.#do(operation, async (client) => {
      const txn = {
        compare: [{ key, target: 'value', result: '=', to: filled(expected) } as const],
        success: [put(key, filled(value))],
        failure: [get(key)],
      };
      const { succeeded, results, revision } = await client.txn(txn, { deadlineMs: ANSWER_WITHIN_MS });
      const [result] = results;
      const kv = result?.kind === 'get' ? result.kvs[0] : undefined;
      const seen = kv === undefined ? undefined : nameIn(kv.value);
      this.#options.slots.saw(key, succeeded ? value : seen);
      return { operation: { ...operation, swapped: succeeded, seen }, revision };
    });
  }

  /** Makes the call, and records it with the answer or with what its error tells. */
  async #do(asked: Unfinished<Operation>, call: (client: Client) => Promise<Answer>): Promise<void> {
    const client = present(this.#options.clients[this.#member], 'the client of a member');
    const invokedAt = performance.now();
    try {
      const { operation, revision } = await call(client);
      const completedAt = performance.now();
      this.#options.record.add({ ...operation, outcome: 'ok', invokedAt, completedAt, revision });
    } catch (error) {
      const outcome = outcomeOf(error);
      this.#options.record.add({ ...asked, outcome, invokedAt, completedAt: Infinity, revision: 0 });
      this.#member = (this.#member + 1) % this.#options.clients.length;
    }
  }
}

/** What a failed call lets its caller conclude. Anything but an answer of the server, or of the way to it, is a mistake here. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ClientError)) throw error;
  return error.definite ? 'failed' : 'unknown';
}
