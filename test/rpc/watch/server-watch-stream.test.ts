import { expect, test } from 'vitest';
import type { AuthStore } from '../../../src/auth/index.ts';
import { SimulatedClock } from '../../../src/base/index.ts';
import { CHANNEL_RESPONSES_MAX } from '../../../src/watch/index.ts';
import { FakeMember } from '../../support/fake-member.ts';
import { people, tokenOf } from '../../support/test-auth.ts';
import { Conversation, describe, microtasks } from './conversation.ts';

test('a watch from its creation to its cancellation', async () => {
  const talk = new Conversation();
  talk.write('a=1');
  talk.create({ key: 'a' });
  talk.write('a=2');
  talk.write('b=1');
  talk.write('a');
  talk.write('a=3', 'b=2');
  talk.cancel(0);
  expect(await talk.hears()).toEqual(['w0 rev=2 created', 'w0 rev=6 canceled']);
  talk.create({ key: 'a', range_end: 'c', prev_kv: true, start_revision: 3 });
  expect(await talk.hears()).toEqual([
    'w1 rev=6 created',
    'w1 rev=6 put a=2@3 (was a=1@2) put b=1@4 del a (was a=2@3) put a=3@6 put b=2@6 (was b=1@4)',
  ]);
  talk.write('b');
  expect(await talk.hears()).toEqual(['w1 rev=7 del b (was b=2@6)']);
});

test('what a creation may be refused for, in the order in which it is looked at', async () => {
  const member = new FakeMember();
  people(member, { alice: [{ type: 'read', key: 'a', rangeEnd: 'n' }] });
  const talk = new Conversation({ member, token: tokenOf('alice') });
  talk.create({ key: 'secret', range_end: 'a', start_revision: -1, watch_id: -5 });
  talk.create({ key: 'secret', range_end: 'a', watch_id: -5 });
  talk.create({ key: 'b', range_end: 'a', watch_id: -5 });
  talk.create({ key: 'b', range_end: 'b' });
  talk.create({ key: 'b', watch_id: -5 });
  talk.create({ key: 'b', watch_id: -1 });
  talk.create({ key: 'b', watch_id: 2n ** 63n - 1n });
  talk.create({ key: 'b', watch_id: 9 });
  talk.create({ key: 'c', watch_id: 9 });
  talk.create({ range_end: '\0' });
  talk.create({ key: 'any' });
  expect(await talk.hears()).toEqual([
    "w-1 rev=1 created canceled 'etcdserver: mvcc: required revision has been compacted'",
    "w-1 rev=1 created canceled 'rpc error: code = PermissionDenied desc = etcdserver: permission denied'",
    "w-1 rev=1 created canceled 'mvcc: watcher range is empty'",
    "w-1 rev=1 created canceled 'mvcc: watcher range is empty'",
    "w-1 rev=1 created canceled 'mvcc: watch ID must not be negative or beyond 2^53'",
    "w-1 rev=1 created canceled 'mvcc: watch ID must not be negative or beyond 2^53'",
    "w-1 rev=1 created canceled 'mvcc: watch ID must not be negative or beyond 2^53'",
    'w9 rev=1 created',
    "w-1 rev=1 created canceled 'mvcc: duplicate watch ID provided on the WatchStream'",
    "w-1 rev=1 created canceled 'rpc error: code = PermissionDenied desc = etcdserver: permission denied'",
    'w0 rev=1 created',
  ]);
  talk.write('any=1');
  expect(await talk.hears()).toEqual(['w0 rev=2 put any=1@2']);
});

test('filters: those that are known are applied, packed or not, others are passed over', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', filters: [0, 7] });
  talk.create({ key: 'a', filters: [1] });
  talk.create({ key: 'a', filters: [0, 1] });
  // NODELETE in a field of its own, as an old encoder writes it: create_request { key: "a", filters: 1 }
  talk.stream.send(Uint8Array.of(0x0a, 5, 0x0a, 1, 0x61, 0x28, 1));
  await talk.hears();
  talk.write('a=1');
  talk.write('a');
  expect(await talk.hears()).toEqual(['w1 rev=2 put a=1@2', 'w3 rev=2 put a=1@2', 'w0 rev=3 del a']);
});

test('every cancellation is answered', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', watch_id: 4 });
  talk.cancel(4);
  talk.cancel(4);
  talk.cancel(-1);
  talk.cancel(2n ** 63n - 1n);
  expect(await talk.hears()).toEqual([
    'w4 rev=1 created',
    'w4 rev=1 canceled',
    "w4 rev=1 canceled 'mvcc: watcher does not exist'",
    "w-1 rev=1 canceled 'mvcc: watcher does not exist'",
    "w9223372036854775807 rev=1 canceled 'mvcc: watcher does not exist'",
  ]);
});

test('nothing of a watcher comes before its creation, nothing of an old one after a new one of its id', async () => {
  const talk = new Conversation();
  talk.create({ key: 'x' });
  talk.stream.credit = 1;
  expect(await talk.hears()).toEqual(['w0 rev=1 created']);
  talk.write('a=1');
  talk.create({ key: 'a', start_revision: 2, watch_id: 5 });
  // The event is in the channel long before the creation can be sent.
  expect(await talk.hears(200)).toEqual([]);
  talk.write('a=2');
  talk.cancel(5);
  talk.create({ key: 'b', watch_id: 5 });
  talk.write('b=1');
  talk.stream.read();
  expect(await talk.hears()).toEqual([
    'w5 rev=2 created',
    'w5 rev=3 canceled',
    'w5 rev=3 created',
    'w5 rev=4 put b=1@4',
  ]);
});

test('a compaction cancels once, with the revision to start from', async () => {
  const talk = new Conversation();
  for (let i = 0; i < 9; i++) talk.write(`a=${i}`);
  talk.history.compact(6);
  talk.create({ key: 'a', start_revision: 5, progress_notify: true });
  talk.create({ key: 'a', start_revision: 6 });
  expect(await talk.hears(300)).toEqual([
    'w0 rev=10 created',
    'w1 rev=10 created',
    'w0 rev=0 canceled compact_revision=6',
    'w1 rev=10 put a=4@6 put a=5@7 put a=6@8 put a=7@9 put a=8@10',
  ]);
  talk.cancel(0);
  talk.progress();
  expect(await talk.hears()).toEqual(["w0 rev=10 canceled 'mvcc: watcher does not exist'", 'w-1 rev=10']);
});

test('progress is answered: for all at once, or for each as it catches up', async () => {
  const talk = new Conversation();
  talk.progress();
  expect(await talk.hears()).toEqual(['w-1 rev=1']);
  talk.write('a=1');
  talk.create({ key: 'a' });
  talk.progress();
  expect(await talk.hears()).toEqual(['w0 rev=2 created', 'w-1 rev=2']);
  talk.create({ key: 'a', start_revision: 1 });
  talk.progress();
  expect(await talk.hears(100)).toEqual([
    'w1 rev=2 created',
    'w0 rev=2',
    'w1 rev=2 put a=1@2',
    'w1 rev=2',
    'w-1 rev=2',
  ]);
});

test('progress_notify: a bookmark an interval, unless an event has said as much', async () => {
  const talk = new Conversation({ progressIntervalMs: 1000 });
  talk.create({ key: 'a', progress_notify: true });
  talk.create({ key: 'b' });
  expect(await talk.hears(999)).toEqual(['w0 rev=1 created', 'w1 rev=1 created']);
  // Up to a tenth more, drawn once a stream.
  expect(await talk.hears(101)).toEqual(['w0 rev=1']);
  talk.write('b=1');
  expect(await talk.hears(1100)).toEqual(['w1 rev=2 put b=1@2', 'w0 rev=2']);
  talk.write('a=1');
  expect(await talk.hears(1100)).toEqual(['w0 rev=3 put a=1@3']);
  expect(await talk.hears(1100)).toEqual(['w0 rev=3']);
  talk.cancel(0);
  expect(await talk.hears(3000)).toEqual(['w0 rev=3 canceled']);
  expect(talk.clock.nextAt()).toBeUndefined();
});

test('progress_notify waits for a watcher that lags, and is not forgotten', async () => {
  const talk = new Conversation({ progressIntervalMs: 100 });
  talk.create({ key: 'a', progress_notify: true });
  await talk.hears();
  talk.stream.credit = 1;
  talk.write('a=0');
  await microtasks();
  for (let i = 0; i < CHANNEL_RESPONSES_MAX + 5; i++) talk.write(`a=${i}`);
  await talk.hears(250);
  expect(talk.store.gauges.slowWatchers).toBe(1);
  talk.stream.read();
  const heard = await talk.hears(20);
  expect(heard.at(-1)).toBe(`w0 rev=${talk.history.currentRevision}`);
  expect(talk.store.gauges.slowWatchers).toBe(0);
});

test('a client that does not read: the channel fills, memory does not grow, and nothing is lost', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', range_end: '\0' });
  await talk.hears();
  talk.stream.credit = 3;
  const count = 1000;
  for (let i = 0; i < count; i++) {
    talk.write(`k${i}=v`);
    if (i < 10) await microtasks();
  }
  await talk.hears(1000);
  // Those three were let through, and no more.
  expect(talk.stream.written).toHaveLength(1 + 3);
  expect(talk.store.gauges).toMatchObject({ slowWatchers: 1, pendingEvents: CHANNEL_RESPONSES_MAX });
  talk.stream.read();
  await talk.messages(100);
  const keys = talk.stream.written.flatMap((bytes) => [...Buffer.from(bytes).toString('latin1').matchAll(/k\d+/g)]);
  expect(keys.map(String)).toEqual(Array.from({ length: count }, (_, i) => `k${i}`));
  expect(talk.store.gauges).toMatchObject({ slowWatchers: 0, pendingEvents: 0, eventsTotal: count });
});

test('a client that asks and does not read is not heard until it does', async () => {
  const talk = new Conversation();
  talk.stream.credit = 1;
  for (let i = 1; i <= 40; i++) {
    talk.create({ key: 'a', watch_id: i });
    await microtasks();
  }
  expect(talk.stream.written).toHaveLength(1);
  expect(talk.stream.paused).toBe(true);
  expect(talk.store.gauges.watchers).toBe(17);
  expect(talk.stream.inbox).toHaveLength(23);
  talk.stream.read();
  const created = await talk.hears();
  expect(created).toEqual(Array.from({ length: 40 }, (_, i) => `w${i + 1} rev=1 created`));
  expect(talk.stream.paused).toBe(false);
});

test('progress asked for several times at once is answered as often, also when the client asks no more', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a' });
  await talk.hears();
  for (let i = 0; i < 3; i++) talk.progress();
  expect(await talk.hears()).toEqual(['w-1 rev=1', 'w-1 rev=1', 'w-1 rev=1']);
  for (let i = 0; i < 2; i++) talk.progress();
  talk.stream.halfClose();
  expect(await talk.hears()).toEqual(['w-1 rev=1', 'w-1 rev=1']);
  expect(talk.stream.ended).toBe('ok');
});

test('the same put is told with the pair as it was to whoever asked for that, and without it to others', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', watch_id: 1 });
  talk.create({ key: 'a', watch_id: 2, prev_kv: true });
  talk.create({ key: 'a', watch_id: 3 });
  talk.write('a=1');
  await talk.hears();
  talk.write('a=2');
  expect((await talk.hears()).sort()).toEqual([
    'w1 rev=3 put a=2@3',
    'w2 rev=3 put a=2@3 (was a=1@2)',
    'w3 rev=3 put a=2@3',
  ]);
});

test('one put to many watchers: all hear of it, in order, though it takes more than a share', async () => {
  const talk = new Conversation();
  for (let i = 0; i < 1500; i++) talk.create({ key: 'a' });
  await talk.hears();
  talk.write('a=1');
  expect(await talk.hears()).toEqual(Array.from({ length: 1500 }, (_, i) => `w${i} rev=2 put a=1@2`));
  expect(talk.store.gauges).toMatchObject({ slowWatchers: 0, pendingEvents: 0, eventsTotal: 1500 });
});

test('what is on its way to many: the client stops reading, one is cancelled, and the others hear of it', async () => {
  const talk = new Conversation();
  for (let i = 0; i < 3; i++) talk.create({ key: 'a' });
  await talk.hears();
  talk.stream.credit = 1;
  talk.write('a=1');
  await microtasks();
  talk.cancel(1);
  talk.stream.read();
  expect(await talk.hears()).toEqual([
    'w0 rev=2 put a=1@2',
    'w1 rev=2 put a=1@2',
    'w2 rev=2 put a=1@2',
    'w1 rev=2 canceled',
  ]);
});

/** Time passes by work, and no timer fires meanwhile. */
class WorkingClock extends SimulatedClock {
  workedMs = 0;

  override now(): number {
    return super.now() + this.workedMs;
  }
}

test('what is asked at once and takes long is done in turns, in order, and the half-close comes behind it', async () => {
  const clock = new WorkingClock();
  let takesMs = 1;
  class WorkingMember extends FakeMember {
    override get auth(): AuthStore {
      clock.workedMs += takesMs;
      return super.auth;
    }
  }
  const talk = new Conversation({ clock, member: new WorkingMember() });
  for (let id = 1; id <= 11; id++) talk.create({ key: 'a', watch_id: id });
  // Two of them took two milliseconds. The third waits, and the others have not been read.
  expect(clock.workedMs).toBe(2);
  expect(talk.stream.paused).toBe(true);
  expect(talk.stream.inbox).toHaveLength(8);
  // As many turns as it takes.
  clock.advance(0);
  expect(clock.workedMs).toBe(11);
  expect(talk.stream.paused).toBe(false);
  takesMs = 4;
  talk.create({ key: 'b', watch_id: 12 });
  talk.create({ key: 'b', watch_id: 13 });
  // One waits, and behind it the half-close.
  talk.stream.halfClose();
  expect(clock.workedMs).toBe(15);
  expect(await talk.hears()).toEqual(Array.from({ length: 13 }, (_, i) => `w${i + 1} rev=1 created`));
  expect(talk.stream.ended).toBe('ok');
});

test('half-closed: what was asked is answered, then the call ends; the watchers are gone at once', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a' });
  talk.progress();
  talk.write('a=1');
  talk.stream.halfClose();
  expect(talk.store.gauges).toMatchObject({ watchers: 0, watchStreams: 0 });
  expect(talk.stream.ended).toBeUndefined();
  talk.write('a=2');
  expect(await talk.hears()).toEqual(['w0 rev=1 created', 'w-1 rev=1', 'w0 rev=2 put a=1@2']);
  expect(talk.stream.ended).toBe('ok');
  expect(talk.store.gauges.pendingEvents).toBe(0);
  expect(talk.clock.nextAt()).toBeUndefined();
});

test('half-closed by a client that does not read: it ends when it has', async () => {
  const talk = new Conversation();
  talk.stream.credit = 1;
  talk.create({ key: 'a' });
  talk.create({ key: 'a' });
  talk.stream.halfClose();
  expect(await talk.hears()).toEqual(['w0 rev=1 created']);
  expect(talk.stream.ended).toBeUndefined();
  talk.stream.read();
  expect(await talk.hears()).toEqual(['w1 rev=1 created']);
  expect(talk.stream.ended).toBe('ok');
});

test('cancelled: everything goes, whatever was under way', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', progress_notify: true });
  talk.create({ key: 'a', start_revision: 1 });
  await talk.hears();
  talk.stream.credit = 1;
  for (let i = 0; i < 200; i++) talk.write(`a=${i}`);
  talk.call.cancel();
  expect(talk.stream.ended).toEqual({ code: 1, message: 'etcdserver: watch canceled' });
  const gone = { watchers: 0, watchStreams: 0, slowWatchers: 0, pendingEvents: 0 };
  expect(talk.store.gauges).toMatchObject(gone);
  const { length } = talk.stream.written;
  talk.create({ key: 'a' });
  talk.stream.halfClose();
  talk.stream.read();
  talk.write('a=end');
  await talk.hears(2000);
  expect(talk.stream.written).toHaveLength(length);
  expect(talk.store.gauges).toMatchObject(gone);
  expect(talk.clock.nextAt()).toBeUndefined();
});

test('a request of no known kind is passed over; bytes that are no request end the call', async () => {
  const talk = new Conversation();
  talk.stream.send(new Uint8Array());
  // Field 9, of a client that is newer.
  talk.stream.send(Uint8Array.of(0x4a, 0));
  talk.create({ key: 'a' });
  expect(await talk.hears()).toEqual(['w0 rev=1 created']);
  talk.stream.send(Uint8Array.of(0x0a, 0x7f, 1));
  expect(talk.stream.ended).toMatchObject({ code: 13 });
  expect(talk.store.gauges.watchers).toBe(0);
});

const EVENT_BYTES = 250 * 1024;
const MANY = Array.from({ length: 8 }, (_, i) => `a${i}=${'x'.repeat(EVENT_BYTES)}`);
const SMALL_REQUESTS = { requestBytesMax: 100 * 1024 };
const FRAGMENT_BYTES_MAX = SMALL_REQUESTS.requestBytesMax + 512 * 1024;

test('fragments: between events, each within the bound, all but the last marked', async () => {
  const talk = new Conversation(SMALL_REQUESTS);
  talk.create({ key: 'a', range_end: 'b', fragment: true });
  talk.create({ key: 'a', range_end: 'b' });
  await talk.messages();
  const before = talk.stream.written.length;
  talk.write(...MANY);
  const messages = await talk.messages();
  const size = (i: number): number => talk.stream.written[before + i]?.length ?? 0;
  // Two events and what surrounds them fit into one fragment, a third does not.
  expect(messages.map((each) => [Number(each.watch_id), each.fragment ?? false, each.events?.length])).toEqual([
    [0, true, 2],
    [0, true, 2],
    [0, true, 2],
    [0, false, 2],
    [1, false, 8],
  ]);
  for (let i = 0; i < 4; i++) expect(size(i)).toBeLessThanOrEqual(FRAGMENT_BYTES_MAX);
  expect(messages.slice(0, 4).flatMap((each) => each.events?.map((event) => event.kv?.key))).toEqual(
    messages[4]?.events?.map((event) => event.kv?.key),
  );
  talk.write(`a=${'x'.repeat(FRAGMENT_BYTES_MAX + 1)}`);
  expect(await talk.hears()).toEqual([
    `w0 rev=3 put a=*${FRAGMENT_BYTES_MAX + 1}@3`,
    `w1 rev=3 put a=*${FRAGMENT_BYTES_MAX + 1}@3`,
  ]);
});

test('fragments for several watchers: each gets all of one response in a row', async () => {
  const talk = new Conversation(SMALL_REQUESTS);
  for (let i = 0; i < 2; i++) talk.create({ key: 'a', range_end: 'b', fragment: true });
  await talk.messages();
  talk.write(...MANY);
  const messages = await talk.messages();
  expect(messages.map((each) => [Number(each.watch_id), each.fragment ?? false])).toEqual(
    [0, 1].flatMap((id) => [true, true, true, false].map((more) => [id, more])),
  );
});

test('nothing comes between fragments, though the client reads one at a time and asks meanwhile', async () => {
  const talk = new Conversation(SMALL_REQUESTS);
  talk.create({ key: 'a', range_end: 'b', fragment: true });
  talk.create({ key: 'z' });
  await talk.messages();
  talk.stream.credit = 1;
  talk.write(...MANY);
  talk.write('z=1');
  const heard: string[] = [];
  for (let i = 0; i < 8; i++) {
    for (const message of await talk.messages()) heard.push(describe(message).replace(/ put .*/, ''));
    if (i === 1) {
      talk.create({ key: 'y' });
      talk.cancel(0);
      talk.progress();
    }
    talk.stream.read(1);
  }
  expect(heard).toEqual([
    'w0 rev=2 fragment',
    'w0 rev=2 fragment',
    'w0 rev=2 fragment',
    'w0 rev=2',
    'w2 rev=3 created',
    'w0 rev=3 canceled',
    'w1 rev=3',
    'w-1 rev=3',
  ]);
});

test('the metrics hear of every response that is sent, and of how many events', async () => {
  const talk = new Conversation();
  talk.create({ key: 'a', range_end: 'c' });
  await talk.hears();
  talk.write('b=1');
  await talk.hears();
  talk.progress();
  await talk.hears();
  expect(talk.observed).toEqual(['control 0', 'events 1', 'progress 0']);
});

test.each(['an answer to a request', 'a response'])(
  'when encoding %s breaks, the stream does, and nothing of it is left',
  async (what) => {
    let isBroken = false;
    const talk = new Conversation({
      onHeader: () => {
        if (isBroken) throw new Error('broken');
      },
    });
    talk.create({ key: 'a' });
    await talk.hears();
    expect(talk.store.gauges.watchers).toBe(1);
    isBroken = true;
    if (what === 'a response') talk.write('a=1');
    else talk.create({ key: 'b' });
    await talk.hears(10);
    expect(talk.stream.failed).toEqual(new Error('broken'));
    expect(talk.store.gauges).toMatchObject({ watchers: 0, watchStreams: 0 });
    isBroken = false;
    talk.create({ key: 'c' });
    talk.write('c=1');
    expect(await talk.hears(10)).toEqual([]);
  },
);

test('cancelled when the turn has no time left: in the next one, and nothing is sent meanwhile', async () => {
  /** Each look at it takes 1.5 ms. */
  class SlowClock extends SimulatedClock {
    #looks = 0;

    override now(): number {
      return super.now() + 1.5 * this.#looks++;
    }
  }
  const talk = new Conversation({ clock: new SlowClock() });
  talk.create({ key: 'a' });
  talk.call.cancel();
  talk.write('a=1');
  await microtasks();
  expect(talk.store.gauges.watchers).toBe(1);
  talk.clock.advance(0);
  await microtasks();
  expect(talk.store.gauges).toMatchObject({ watchers: 0, watchStreams: 0, pendingEvents: 0 });
  expect(talk.stream.ended).toEqual({ code: 1, message: 'etcdserver: watch canceled' });
  expect(talk.stream.written).toHaveLength(0);
});
