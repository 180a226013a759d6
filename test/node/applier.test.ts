/** What the applier waits for. */

import { expect, test } from 'vitest';
import { NOBODY } from '../../src/auth/index.ts';
import { SimulatedClock } from '../../src/base/index.ts';
import { encodeInternalRequest } from '../../src/codec/index.ts';
import { etcdserverpb } from '../../src/gen/etcd.js';
import { AppliedState } from '../../src/node/applied-state.ts';
import { Applier } from '../../src/node/applier.ts';
import type { Entry } from '../../src/raft/index.ts';
import { MemoryTable, RecordBackend } from '../../src/storage/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function put(index: number): Entry {
  const request = etcdserverpb.PutRequest.encode({ key: Buffer.from('a'), value: Buffer.from(`${index}`) }).finish();
  return {
    kind: 'normal',
    index,
    term: 1,
    data: encodeInternalRequest({ id: index, kind: 'put', request, by: NOBODY }),
  };
}

test('nothing is applied before all watchers have been told of what is', async () => {
  const clock = new SimulatedClock();
  const backend = await RecordBackend.open(new MemoryTable(), {
    onFailure: (error) => {
      throw error;
    },
  });
  const state = await AppliedState.load(backend, clock);
  const told: number[] = [];
  let allTold: (() => void) | undefined;
  const settled: number[] = [];
  const applier = new Applier({
    clock,
    state,
    watchers: {
      notify: (revision) => {
        told.push(revision);
        return revision !== 3;
      },
      onceTold: (done) => {
        allTold = done;
      },
    },
    proposals: { own: () => undefined, settle: (id) => void settled.push(id) },
    compact: () => Promise.resolve(),
    observe: () => undefined,
    advanced: () => undefined,
    failed: (error) => {
      throw error;
    },
  });
  applier.committed([put(1), put(2), put(3), put(4)]);
  await turn();
  clock.advance(10);
  await turn();
  expect(told).toEqual([2, 3]);
  // Those who wrote need not wait for those who watch.
  expect(settled).toEqual([1, 2]);
  allTold?.();
  await turn();
  clock.advance(10);
  await turn();
  expect(told).toEqual([2, 3, 4, 5]);
  expect(settled).toEqual([1, 2, 3, 4]);
});
