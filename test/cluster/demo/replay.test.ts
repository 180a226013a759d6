import { describe, expect, test } from 'vitest';
import { type Held, heldOf, Replay, type ReplayOptions } from '../../../cluster/demo/replay.ts';
import type { KeyValue, WatchBatch, WatchEvent } from '../../../src/client/index.ts';

/** A store of its own, to make true histories to plant faults in. */
class Model {
  readonly store = new Map<string, KeyValue>();
  #revision = 1;

  put(key: string, value: string): WatchEvent {
    const previous = this.store.get(key);
    this.#revision++;
    const kv: KeyValue = {
      key: Buffer.from(key),
      value: Buffer.from(value),
      createRevision: previous?.createRevision ?? this.#revision,
      modRevision: this.#revision,
      version: (previous?.version ?? 0) + 1,
      lease: 0n,
    };
    this.store.set(key, kv);
    return { type: 'put', kv, previous };
  }

  delete(key: string): WatchEvent {
    const previous = this.store.get(key);
    this.#revision++;
    this.store.delete(key);
    const kv = { key: Buffer.from(key), value: Buffer.of(), createRevision: 0, version: 0, lease: 0n };
    return { type: 'delete', kv: { ...kv, modRevision: this.#revision }, previous };
  }

  held(): ReadonlyMap<string, Held> {
    return new Map([...this.store].map(([key, kv]) => [key, heldOf(kv)]));
  }
}

const batchOf = (...events: WatchEvent[]): WatchBatch => ({ revision: events.at(-1)?.kv.modRevision ?? 0, events });

/** Revisions 2 to 9. */
function history(): { events: readonly WatchEvent[]; model: Model } {
  const model = new Model();
  const events = [
    model.put('a', '1'),
    model.put('b', '1'),
    model.put('a', '2'),
    model.delete('b'),
    model.put('b', '2'),
    model.put('a', '3'),
    model.delete('a'),
    model.put('c', '1'),
  ];
  return { events, model };
}

const EVERYTHING: ReplayOptions = { prevKv: true, filters: [] };

function findingsOf(
  events: readonly WatchEvent[],
  store: ReadonlyMap<string, Held>,
  options: ReplayOptions = EVERYTHING,
): readonly string[] {
  const replay = new Replay(options);
  for (const event of events) replay.apply(batchOf(event));
  replay.compareWithStore(store);
  return replay.findings.texts;
}

function digestOf(events: readonly WatchEvent[]): string {
  const replay = new Replay(EVERYTHING);
  for (const event of events) replay.apply(batchOf(event));
  return replay.digest.text;
}

test('a true history has no findings, whatever batches it comes in', () => {
  const { events, model } = history();
  expect(findingsOf(events, model.held())).toEqual([]);
  const atOnce = new Replay(EVERYTHING);
  atOnce.apply(batchOf(...events));
  atOnce.compareWithStore(model.held());
  expect(atOnce.findings.texts).toEqual([]);
});

describe('planted faults are found', () => {
  const { events, model } = history();
  const store = model.held();
  const without = (at: number): readonly WatchEvent[] => events.filter((_, i) => i !== at);

  test.each(events.map((event, at) => [at, event.type, event.kv.modRevision]))(
    'event %i lost (%s, revision %i)',
    (at) => {
      expect(findingsOf(without(at), store)).not.toEqual([]);
      expect(digestOf(without(at))).not.toBe(digestOf(events));
    },
  );

  test.each(events.map((_, at) => [at]))('event %i doubled', (at) => {
    expect(findingsOf(events.toSpliced(at, 0, ...events.slice(at, at + 1)), store)).not.toEqual([]);
  });

  test.each(events.slice(1).map((_, at) => [at]))('events %i and the next change places', (at) => {
    const swapped = events.toSpliced(at, 2, ...events.slice(at, at + 2).toReversed());
    expect(findingsOf(swapped, store)).not.toEqual([]);
  });

  test('a value that is another one', () => {
    const changed = events.map((event) =>
      event.kv.modRevision === 6 ? { ...event, kv: { ...event.kv, value: Buffer.from('x') } } : event,
    );
    expect(findingsOf(changed, store)).toEqual(['b has another value or version in the store, at the same revision 6']);
  });

  test('what was there before missing, or another', () => {
    const [first, second, third, ...rest] = events;
    if (first === undefined || second === undefined || third === undefined) throw new Error('eight events were made');
    expect(findingsOf([first, second, { ...third, previous: undefined }, ...rest], store)).toEqual([
      'put of a at revision 4: what was there before is missing',
    ]);
    expect(findingsOf([first, second, { ...third, previous: second.kv }, ...rest], store)).toEqual([
      'put of a at revision 4: revision 3 was there before, where 2 was told',
    ]);
  });

  test('a revision that is told in two batches', () => {
    const replay = new Replay(EVERYTHING);
    const [first] = events;
    if (first === undefined) throw new Error('eight events were made');
    replay.apply(batchOf(first));
    replay.apply(batchOf({ ...first, kv: { ...first.kv, key: Buffer.from('z') } }));
    expect(replay.findings.texts).toEqual(['revision 2 in two batches']);
  });

  test('a key that came and went unseen leaves no gap in the replay, and is missed in the digest', () => {
    const more = new Model();
    const whole = [more.put('a', '1'), more.put('t', '1'), more.delete('t'), more.put('a', '2')];
    const lacking = [...whole.slice(0, 1), ...whole.slice(3)];
    expect(findingsOf(lacking, more.held())).toEqual([]);
    expect(digestOf(lacking)).not.toBe(digestOf(whole));
    expect(digestOf([...whole])).toBe(digestOf(whole));
    expect(digestOf(whole.toReversed())).not.toBe(digestOf(whole));
  });
});

describe('filters', () => {
  const { events, model } = history();

  test('without deletions the replay may hold what is gone', () => {
    const puts = events.filter(({ type }) => type === 'put');
    expect(findingsOf(puts, model.held(), { prevKv: true, filters: ['noDelete'] })).toEqual([]);
    const lacking = puts.filter(({ kv }) => kv.modRevision !== 4);
    expect(findingsOf(lacking, model.held(), { prevKv: false, filters: ['noDelete'] })).toEqual([
      'put of a at revision 7: version 3 after 1',
    ]);
  });

  test('without puts only deletions may come', () => {
    const deletes = events.filter(({ type }) => type === 'delete');
    expect(findingsOf(deletes, model.held(), { prevKv: true, filters: ['noPut'] })).toEqual([]);
    expect(findingsOf(events.slice(0, 1), model.held(), { prevKv: true, filters: ['noPut'] })).toEqual([
      'put of a at revision 2: it was filtered out',
    ]);
    const bare = deletes.map((event) => ({ ...event, previous: undefined }));
    expect(findingsOf(bare, model.held(), { prevKv: true, filters: ['noPut'] })).toHaveLength(2);
  });
});

test('findings are counted, and the first few kept in words', () => {
  const replay = new Replay(EVERYTHING);
  for (let i = 0; i < 20; i++) replay.apply(batchOf({ ...new Model().put('a', '1') }));
  expect(replay.findings.count).toBeGreaterThan(20);
  expect(replay.findings.texts.length).toBe(5);
});
