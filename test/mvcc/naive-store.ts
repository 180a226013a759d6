/** The store's twin: a list of all changes ever made, and every question answered by going through it from the start. */

import {
  type Bytes,
  bytesOf,
  compareBytes,
  crc32c,
  EMPTY_BYTES,
  inRange,
  type Key,
  type KeyRange,
  present,
  RequestError,
} from '../../src/base/index.ts';
import {
  type Compare,
  type DeleteRangeOperation,
  type Event,
  encodeKeyValue,
  type KeyValue,
  type Operation,
  type OperationResult,
  type PutOperation,
  type RangeOperation,
  type RangeResult,
  type TxnOperation,
  type TxnResult,
} from '../../src/mvcc/index.ts';

interface Change {
  readonly main: number;
  readonly sub: number;
  readonly key: Key;
  /** Undefined for a delete. */
  readonly pair: KeyValue | undefined;
}

const ZERO: KeyValue = { key: '', createRevision: 0, modRevision: 0, version: 0, value: EMPTY_BYTES, lease: 0n };

export class NaiveStore {
  #changes: readonly Change[] = [];
  current = 1;
  compacted = -1;
  readonly #leases: ReadonlySet<bigint>;

  constructor(leases: ReadonlySet<bigint>) {
    this.#leases = leases;
  }

  /** The pairs of a range as they were at a revision, in the order of their keys. */
  pairs(range: KeyRange, revision: number): KeyValue[] {
    const pairs = new Map<Key, KeyValue>();
    for (const { main, key, pair } of this.#changes) {
      if (main > revision || !inRange(range, key)) continue;
      if (pair === undefined) pairs.delete(key);
      else pairs.set(key, pair);
    }
    return [...pairs.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  range(operation: RangeOperation, newest: number = this.current): RangeResult {
    const { limit, sortOrder, sortTarget, keysOnly, countOnly } = operation;
    if (operation.revision > newest) throw new RequestError('futureRevision');
    const revision = operation.revision <= 0 ? newest : operation.revision;
    if (revision < this.compacted) throw new RequestError('compacted');
    const all = this.pairs(operation.range, revision);
    const counted = { kind: 'range', count: all.length, revision: newest } as const;
    if (countOnly) return { ...counted, kvs: [], more: false };

    const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = operation;
    const filtered = minModRevision || maxModRevision || minCreateRevision || maxCreateRevision;
    let rows = sortOrder === 'none' && !filtered && limit > 0 ? all.slice(0, limit + 1) : all;
    if (minModRevision) rows = rows.filter((row) => row.modRevision >= minModRevision);
    if (maxModRevision) rows = rows.filter((row) => row.modRevision <= maxModRevision);
    if (minCreateRevision) rows = rows.filter((row) => row.createRevision >= minCreateRevision);
    if (maxCreateRevision) rows = rows.filter((row) => row.createRevision <= maxCreateRevision);
    rows = rows.toSorted((a, b) => {
      const order = {
        key: a.key < b.key ? -1 : 1,
        version: a.version - b.version,
        create: a.createRevision - b.createRevision,
        mod: a.modRevision - b.modRevision,
        value: compareBytes(a.value, b.value),
      }[sortTarget];
      return sortOrder === 'descend' ? -order : order;
    });
    const more = limit > 0 && rows.length > limit;
    if (more) rows = rows.slice(0, limit);
    if (keysOnly) rows = rows.map((row) => ({ ...row, value: EMPTY_BYTES }));
    if (keysOnly && sortTarget !== 'value') rows = rows.map((row) => ({ ...row, lease: 0n }));
    return { ...counted, kvs: rows.map(encodeKeyValue), more };
  }

  apply(operation: PutOperation | DeleteRangeOperation | TxnOperation): OperationResult {
    const before = this.#changes;
    const main = this.current + 1;
    const now = (): number => (this.#changes.length > before.length ? main : this.current);
    const add = (key: Key, pair: KeyValue | undefined): void => {
      this.#changes = [...this.#changes, { main, sub: this.#changes.length - before.length, key, pair }];
    };

    const put = ({ key, value, lease, prevKv, ignoreValue, ignoreLease }: PutOperation): OperationResult => {
      const [previous] = this.pairs({ key, end: undefined }, main);
      if ((ignoreValue || ignoreLease) && previous === undefined) throw new RequestError('keyNotFound');
      add(key, {
        key,
        createRevision: previous?.createRevision ?? main,
        modRevision: main,
        version: (previous?.version ?? 0) + 1,
        value: ignoreValue ? present(previous, 'a pair').value : value,
        lease: ignoreLease ? present(previous, 'a pair').lease : lease,
      });
      return { kind: 'put', prevKv: prevKv && previous ? encodeKeyValue(previous) : undefined, revision: main };
    };
    const deleteRange = ({ range, prevKv }: DeleteRangeOperation): OperationResult => {
      const gone = this.pairs(range, main);
      for (const { key } of gone) add(key, undefined);
      const prevKvs = prevKv ? gone.map(encodeKeyValue) : [];
      return { kind: 'deleteRange', deleted: gone.length, prevKvs, revision: now() };
    };
    const carryOut = (op: Operation): OperationResult => {
      if (op.kind === 'empty') throw new RequestError('keyNotFound');
      if (op.kind === 'txn') return txn(op);
      if (op.kind === 'deleteRange') return deleteRange(op);
      if (op.kind === 'put') {
        this.#checkPut(op);
        return put(op);
      }
      if (op.revision < 0 && op.revision < this.compacted) throw new RequestError('compacted');
      // Whatever the transaction has written by now, it cannot ask for its own revision.
      if (op.revision > this.current) throw new RequestError('futureRevision');
      return this.range(op, now());
    };
    const txn = (op: TxnOperation): TxnResult => {
      const succeeded = op.compare.every((compare) => this.holds(compare));
      const results = (succeeded ? op.success : op.failure).map(carryOut);
      return { kind: 'txn', succeeded, results, revision: now() };
    };

    try {
      const result = carryOut(operation);
      this.current = now();
      return result;
    } catch (error) {
      this.#changes = before;
      throw error;
    }
  }

  /** Before the request there must be the lease, and the key if something of it is kept. What the request itself writes is of a later revision. */
  #checkPut({ key, lease, ignoreValue, ignoreLease }: PutOperation): void {
    if (lease !== 0n && !this.#leases.has(lease)) throw new RequestError('leaseNotFound');
    const isThere = this.pairs({ key, end: undefined }, this.current).length > 0;
    if ((ignoreValue || ignoreLease) && !isThere) throw new RequestError('keyNotFound');
  }

  /** Whether a comparison holds before the operation that it belongs to. */
  holds({ range, result, operand }: Compare): boolean {
    const pairs = this.pairs(range, this.current);
    if (pairs.length === 0 && operand.target === 'value') return false;
    return (pairs.length === 0 ? [ZERO] : pairs).every((pair) => {
      const order = {
        version: () => pair.version - (operand.target === 'version' ? operand.number : 0),
        create: () => pair.createRevision - (operand.target === 'create' ? operand.number : 0),
        mod: () => pair.modRevision - (operand.target === 'mod' ? operand.number : 0),
        value: () => compareBytes(pair.value, operand.target === 'value' ? operand.value : EMPTY_BYTES),
        lease: () => Number(pair.lease - (operand.target === 'lease' ? operand.lease : 0n)),
      }[operand.target]();
      return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[result];
    });
  }

  compact(revision: number): void {
    if (revision <= this.compacted) throw new RequestError('compacted');
    if (revision > this.current) throw new RequestError('futureRevision');
    this.compacted = revision;
  }

  eventsOf(revision: number): Event[] {
    return this.#changes
      .filter(({ main }) => main === revision)
      .map(({ main, sub, key, pair }) => ({
        type: pair === undefined ? 'delete' : 'put',
        key,
        main,
        sub,
        kv: encodeKeyValue(pair ?? { ...ZERO, key, modRevision: main }),
        isCreate: pair?.createRevision === main,
      }));
  }

  previousOf({ key, main, isCreate }: Event): Bytes | undefined {
    if (isCreate || main - 1 < this.compacted) return undefined;
    const [pair] = this.pairs({ key, end: undefined }, main - 1);
    return pair === undefined ? undefined : encodeKeyValue(pair);
  }

  /** HashKV by its rule: see src/mvcc/hash.ts. */
  hash(revision: number): number {
    if (revision < this.compacted) throw new RequestError('compacted');
    const everything: KeyRange = { key: '', end: '\u0100' };
    const seen = this.pairs(everything, revision);
    const kept = seen.length > 0 ? seen : this.pairs(everything, this.compacted);
    let crc = crc32c(bytesOf('key'));
    for (const { main, sub, key, pair } of this.#changes) {
      if (main > revision || (main <= this.compacted && (pair === undefined || !kept.includes(pair)))) continue;
      const place = new DataView(new ArrayBuffer(pair === undefined ? 18 : 17));
      place.setBigUint64(0, BigInt(main));
      place.setUint8(8, '_'.charCodeAt(0));
      place.setBigUint64(9, BigInt(sub));
      if (pair === undefined) place.setUint8(17, 't'.charCodeAt(0));
      crc = crc32c(new Uint8Array(place.buffer), crc);
      crc = crc32c(encodeKeyValue(pair ?? { ...ZERO, key }), crc);
    }
    return crc;
  }
}
