/**
 * Those who stand in line under a name. Each has a key that lives as long as its lease; the oldest key is the head of the line.
 *
 *     jobs/7b   created at 12   the head: holds the lock, leads
 *     jobs/3f   created at 15   waits for jobs/7b to go, and hears of nothing else
 *     jobs/90   created at 21   waits for jobs/3f
 *
 * Whoever gives up in the middle lets the next one look again: it then waits for who is before it now. Keys and transactions
 * are those of etcd's own recipes, so that clients which bring recipes of their own stand in the same lines.
 */

import { type Bytes, KEY_INFINITY, type Key, prefixEnd, present, RequestError } from '../../base/index.ts';
import type { WatchableStore } from '../../watch/index.ts';
import type { CallContext, Methods } from '../../wire/index.ts';
import { Changes } from './changes.ts';
import { byCreation, latin1, Neighbours, type Pair } from './neighbours.ts';

/** A session that nobody gave a lease for. Nobody keeps it alive either. */
const SESSION_SECONDS = 60;

export interface RecipeOptions {
  /** The services beside, guarded as they are for clients. */
  readonly methods: Methods;
  readonly watchable: WatchableStore;
}

/** A place in the line. Another key at the same name is another place. */
export interface Place {
  readonly key: Key;
  readonly createRevision: number;
  readonly lease: bigint;
}

export interface Entered extends Place {
  /** The store's, when it had entered. */
  readonly revision: number;
  /** What was there already, of the same lease. */
  readonly found: Pair | undefined;
}

export class Line {
  readonly #prefix: Key;
  readonly #end: Key;
  readonly #services: Neighbours;
  readonly #watchable: WatchableStore;
  readonly #call: CallContext;

  constructor(name: Key, { methods, watchable }: RecipeOptions, call: CallContext) {
    this.#prefix = `${name}/`;
    const end = prefixEnd(this.#prefix);
    this.#end = end === KEY_INFINITY ? '\0' : end;
    this.#services = new Neighbours(methods, call);
    this.#watchable = watchable;
    this.#call = call;
  }

  /** Takes a place, or finds the one that the lease has. Lease 0n: one is granted. Rejects with the errors of KV and Lease. */
  async enter(lease: bigint, value: Bytes): Promise<Entered> {
    const given = lease === 0n ? await this.#services.grant(SESSION_SECONDS) : lease;
    const key = `${this.#prefix}${given.toString(16)}`;
    const { succeeded, revision, found } = await this.#services.ifCreatedAt(
      key,
      0,
      { request_put: { key: latin1(key), value, lease: given } },
      { request_range: { key: latin1(key) } },
    );
    if (succeeded) return { key, createRevision: revision, lease: given, revision, found: undefined };
    const { createRevision } = present(found, 'the pair that is in the way');
    return { key, createRevision, lease: given, revision, found };
  }

  /**
   * Resolves, with the store's revision, when the place is the head of the line. Rejects with RequestError sessionExpired once the
   * place is gone, and with watchCanceled when nobody waits any more.
   */
  async turn(place: Place): Promise<number> {
    const changes = new Changes(this.#watchable, this.#call);
    try {
      for (;;) {
        const { revision, before } = await this.#look(place);
        if (before === undefined) return revision;
        await changes.after(
          revision,
          [before, place.key].map((key) => ({ key, end: undefined })),
        );
      }
    } finally {
      changes.close();
    }
  }

  /** The head of the line. */
  head(): Promise<{ readonly pair: Pair | undefined; readonly revision: number }> {
    return this.#services.first(byCreation(this.#prefix, this.#end, 'ASCEND'));
  }

  /** Hands over the head of the line now and whenever it, or its value, is another, until `take` says no or the call is cancelled. */
  async follow(take: (pair: Pair, revision: number) => Promise<boolean>): Promise<void> {
    const changes = new Changes(this.#watchable, this.#call);
    let told: number | undefined;
    try {
      for (;;) {
        const { pair, revision } = await this.head();
        if (pair !== undefined && pair.modRevision !== told) {
          told = pair.modRevision;
          if (!(await take(pair, revision))) return;
        }
        await changes.after(revision, [{ key: this.#prefix, end: this.#end === '\0' ? KEY_INFINITY : this.#end }]);
      }
    } finally {
      changes.close();
    }
  }

  /** Puts a value at the place, if it is still there; undefined if not. The store's revision. */
  async put({ key, createRevision, lease }: Place, value: Bytes): Promise<number | undefined> {
    const put = { request_put: { key: latin1(key), value, lease } };
    const { succeeded, revision } = await this.#services.ifCreatedAt(key, createRevision, put);
    return succeeded ? revision : undefined;
  }

  /** Gives the place up, if it is still there. The store's revision. */
  async leave({ key, createRevision }: Place): Promise<number> {
    const gone = { request_delete_range: { key: latin1(key) } };
    return (await this.#services.ifCreatedAt(key, createRevision, gone)).revision;
  }

  /** Whether the place is still there, and who is right before it. */
  async #look({ key, createRevision }: Place): Promise<{ revision: number; before: Key | undefined }> {
    const { succeeded, revision, found } = await this.#services.ifCreatedAt(key, createRevision, {
      request_range: byCreation(this.#prefix, this.#end, 'DESCEND', { max_create_revision: createRevision - 1 }),
    });
    if (!succeeded) throw new RequestError('sessionExpired');
    return { revision, before: found === undefined ? undefined : keyOfPair(found) };
  }
}

function keyOfPair({ message }: Pair): Key {
  return Buffer.from(message.key ?? []).toString('latin1');
}
