/**
 * Where users and roles are kept on disk: in the machine's small state, a few dozen shards of each, so that a change writes a shard and not all
 * of them. Which shard, the name tells; every member finds the same.
 *
 *     auth            { enabled, revision }
 *     auth-users-17   [ { name, passwordHash, noPassword, roles } ]
 *     auth-roles-4    [ { name, permissions } ]
 */

import { type Bytes, decodeJson, encodeJson } from '../base/index.ts';
import type { Permission } from './permission.ts';

export interface User {
  readonly name: string;
  /** '' where there is none: then no password is right. */
  readonly passwordHash: string;
  readonly noPassword: boolean;
  /** In order, each once. */
  readonly roles: readonly string[];
}

export interface Role {
  readonly name: string;
  /** In order, each pair of ends once. */
  readonly permissions: readonly Permission[];
}

export interface AuthMark {
  readonly enabled: boolean;
  readonly revision: number;
}

/** Small state by names of its own. A port: storage/ has it. */
export interface AuthBackend {
  getState(name: string): Bytes | undefined;
  putState(name: string, value: Bytes): void;
}

const MARK = 'auth';
const SHARDS = 64;

/** Records of one kind by name, in memory; each change is written. */
export class AuthRecords<T extends { readonly name: string }> {
  readonly #backend: AuthBackend;
  readonly #prefix: string;
  readonly #shards: Map<string, T>[];

  constructor(backend: AuthBackend, kind: 'users' | 'roles') {
    this.#backend = backend;
    this.#prefix = `auth-${kind}-`;
    this.#shards = Array.from({ length: SHARDS }, (_, shard) => {
      const bytes = backend.getState(`${this.#prefix}${shard}`);
      const records = bytes === undefined ? [] : (decodeJson(bytes) as readonly T[]);
      return new Map(records.map((record) => [record.name, record]));
    });
  }

  get(name: string): T | undefined {
    return this.#shards[shardOf(name)]?.get(name);
  }

  put(record: T): void {
    this.#change(record.name, (records) => records.set(record.name, record));
  }

  delete(name: string): void {
    this.#change(name, (records) => records.delete(name));
  }

  *values(): Iterable<T> {
    for (const shard of this.#shards) yield* shard.values();
  }

  /** In order. */
  names(): readonly string[] {
    return Array.from(this.values(), ({ name }) => name).sort();
  }

  #change(name: string, change: (records: Map<string, T>) => void): void {
    const shard = shardOf(name);
    const records = this.#shards[shard] ?? new Map<string, T>();
    change(records);
    this.#backend.putState(`${this.#prefix}${shard}`, encodeJson([...records.values()]));
  }
}

function shardOf(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) >>> 0;
  return hash % SHARDS;
}

export function readMark(backend: AuthBackend): AuthMark {
  const bytes = backend.getState(MARK);
  // As etcd: a store in which nothing was ever done is at revision 1, so that 0 stands for nobody.
  return bytes === undefined ? { enabled: false, revision: 1 } : (decodeJson(bytes) as AuthMark);
}

export function writeMark(backend: AuthBackend, mark: AuthMark): void {
  backend.putState(MARK, encodeJson(mark));
}
