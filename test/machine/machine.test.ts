import { expect, test } from 'vitest';
import { type Bytes, bytesOf } from '../../src/base/index.ts';
import { Leases } from '../../src/lease/index.ts';
import {
  type AlarmRequest,
  costBytes,
  Machine,
  type MachineRequest,
  type StateBackend,
} from '../../src/machine/index.ts';
import { type Backend, type PutOperation, Store, type TxnOperation } from '../../src/mvcc/index.ts';

/** Records and state in maps: enough for a machine. */
class MapBackend implements Backend, StateBackend {
  readonly items = new Map<string, Bytes>();
  readonly #records = new Map<string, Bytes>();
  readonly #state = new Map<string, Bytes>();
  getRecord(main: number, sub: number): Bytes | undefined {
    return this.#records.get(`${main}.${sub}`);
  }
  putRecord(main: number, sub: number, _tombstone: boolean, keyValue: Bytes): void {
    this.#records.set(`${main}.${sub}`, keyValue);
  }
  deleteRecord(main: number, sub: number): void {
    this.#records.delete(`${main}.${sub}`);
  }
  putStoreMark(): void {}
  getState(name: string): Bytes | undefined {
    return this.#state.get(name);
  }
  putState(name: string, value: Bytes): void {
    this.#state.set(name, value);
  }
  putItem(kind: string, name: string, value: Bytes): void {
    this.items.set(`${kind}/${name}`, value);
  }
  deleteItem(kind: string, name: string): void {
    this.items.delete(`${kind}/${name}`);
  }
}

function machineOn(backend: MapBackend): Machine {
  const leases = new Leases();
  return new Machine(new Store(backend, leases), backend, leases);
}

const put = (key: string, value: string): PutOperation => ({
  kind: 'put',
  key,
  value: bytesOf(value),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});
const del = (key: string): MachineRequest => ({ kind: 'deleteRange', range: { key, end: undefined }, prevKv: false });
const txn = (...success: TxnOperation['success']): TxnOperation => ({ kind: 'txn', compare: [], success, failure: [] });
const alarm = (action: AlarmRequest['action'], type: AlarmRequest['alarm'], memberId = 7n): AlarmRequest => ({
  kind: 'alarm',
  action,
  memberId,
  alarm: type,
});
const error = (machine: Machine, request: MachineRequest): string | undefined => {
  const applied = machine.apply(request);
  return applied.ok ? undefined : applied.error;
};
const alarmsOf = (machine: Machine, request: AlarmRequest): readonly unknown[] => {
  const applied = machine.apply(request);
  if (!applied.ok || applied.result.kind !== 'alarm') throw new Error('not answered with alarms');
  return applied.result.alarms;
};

test('a refusal is an outcome: it has no events and leaves no trace', () => {
  const machine = machineOn(new MapBackend());
  expect(machine.apply({ ...put('k', ''), ignoreValue: true })).toEqual({ ok: false, error: 'keyNotFound' });
  expect(machine.apply({ ...put('k', 'v'), lease: 5n })).toEqual({ ok: false, error: 'leaseNotFound' });
  expect(machine.apply({ kind: 'compaction', revision: 9, physical: false })).toEqual({
    ok: false,
    error: 'futureRevision',
  });
  expect(machine.store.currentRevision).toBe(1);
});

test('events come with the outcome, one revision each', () => {
  const machine = machineOn(new MapBackend());
  const applied = machine.apply(txn(put('a', '1'), put('b', '2')));
  expect(applied.ok && applied.events.map(({ type, key, main, sub }) => [type, key, main, sub])).toEqual([
    ['put', 'a', 2, 0],
    ['put', 'b', 2, 1],
  ]);
});

test('NOSPACE refuses what adds data, and nothing else, until it is disarmed', () => {
  const machine = machineOn(new MapBackend());
  machine.apply(put('k', 'v'));
  expect(alarmsOf(machine, alarm('activate', 'nospace'))).toEqual([{ memberId: 7n, type: 'nospace' }]);
  expect(error(machine, put('k', 'w'))).toBe('noSpace');
  expect(error(machine, txn(put('k', 'w')))).toBe('noSpace');
  expect(error(machine, txn(txn(put('k', 'w'))))).toBe('noSpace');
  expect(error(machine, txn())).toBeUndefined();
  expect(error(machine, del('k'))).toBeUndefined();
  expect(error(machine, { kind: 'compaction', revision: 2, physical: false })).toBeUndefined();
  expect(alarmsOf(machine, alarm('deactivate', 'nospace', 8n)), 'another member’s').toEqual([]);
  expect(error(machine, put('k', 'w'))).toBe('noSpace');
  expect(alarmsOf(machine, alarm('deactivate', 'nospace'))).toEqual([{ memberId: 7n, type: 'nospace' }]);
  expect(error(machine, put('k', 'w'))).toBeUndefined();
});

test('CORRUPT refuses everything but alarms', () => {
  const machine = machineOn(new MapBackend());
  machine.apply(alarm('activate', 'corrupt'));
  expect([error(machine, put('k', 'v')), error(machine, del('k')), error(machine, txn())]).toEqual([
    'corrupt',
    'corrupt',
    'corrupt',
  ]);
  expect(alarmsOf(machine, alarm('get', 'none'))).toHaveLength(1);
});

test('alarms are listed by type, raised once, and survive a restart', () => {
  const backend = new MapBackend();
  const machine = machineOn(backend);
  machine.apply(alarm('activate', 'nospace', 0xffff_ffff_ffff_ffffn));
  machine.apply(alarm('activate', 'nospace', 0xffff_ffff_ffff_ffffn));
  machine.apply(alarm('activate', 'corrupt', 1n));
  machine.apply(alarm('activate', 'none', 1n));
  const all = [
    { memberId: 0xffff_ffff_ffff_ffffn, type: 'nospace' },
    { memberId: 1n, type: 'corrupt' },
  ];
  expect(machineOn(backend).alarms()).toEqual(all);
  expect(alarmsOf(machine, alarm('get', 'none'))).toEqual(all);
  expect(alarmsOf(machine, alarm('get', 'corrupt'))).toEqual([all[1]]);
});

test('a transaction costs its dearer branch', () => {
  expect(costBytes(put('ab', 'cde'))).toBe(5 + 256);
  expect(costBytes({ ...txn(put('a', '')), failure: [put('a', 'bcd'), put('e', '')] })).toBe(4 + 1 + 2 * 256);
  expect(costBytes(del('k'))).toBe(0);
});
