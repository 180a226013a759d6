import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MESSAGES_PER_LOOK, type Sending, SendTurn, type Sent } from '../../../src/rpc/watch/send-turn.ts';
import { microtasks } from './conversation.ts';

const SLICE_MS = 2;
const SHARE = 3;

/** Has so many messages, of which each takes so long; sends three in a row at most. */
class FakeStream implements Sending {
  readonly #name: string;
  readonly #messageMs: number;
  readonly #sends: (name: string, ms: number) => void;
  left: number;

  constructor(name: string, messages: number, messageMs: number, sends: (name: string, ms: number) => void) {
    this.#name = name;
    this.left = messages;
    this.#messageMs = messageMs;
    this.#sends = sends;
  }

  sendLoop(sent: Sent): boolean {
    const count = Math.min(this.left, SHARE);
    this.left -= count;
    sent.responses += count;
    sent.events += 2 * count;
    this.#sends(`${this.#name} ${count}`, count * this.#messageMs);
    return this.left > 0;
  }
}

test('who has had its turn is forgotten, though there is always one that has more', async () => {
  let now = 0;
  let atTurnEnd: (() => void)[] = [];
  const clock = {
    now: () => now,
    wall: () => 0,
    after: (_delayMs: number, fire: () => void) => {
      atTurnEnd.push(fire);
      return { cancel: () => {} };
    },
  };
  const turn = new SendTurn(clock, () => {});
  turn.add(new FakeStream('endless', Number.MAX_SAFE_INTEGER, 1, (_share, tookMs) => (now += tookMs)));
  await microtasks();
  for (let turns = 0; turns < 100; turns++) {
    for (const fire of atTurnEnd.splice(0)) fire();
    expect(turn.size).toBe(1);
  }
});

test('streams take turns, each with its share, in slices of time; and all that was sent is measured', async () => {
  const streams = fc.array(fc.record({ messages: fc.nat(10), ms: fc.nat(2) }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(streams, async (plan) => {
      let now = 0;
      let atTurnEnd: (() => void)[] = [];
      let lookedMs = 0;
      let sinceLook = 0;
      const clock = {
        now: () => {
          sinceLook = 0;
          lookedMs = now;
          return now;
        },
        wall: () => 0,
        after: (delayMs: number, fire: () => void) => {
          expect(delayMs).toBe(0);
          atTurnEnd.push(fire);
          return { cancel: () => {} };
        },
      };
      const measured = { messages: 0, events: 0, ms: 0 };
      const turn = new SendTurn(clock, (kind, seconds, messages, events) => {
        expect(kind).toBe('events');
        measured.messages += messages;
        measured.events += events;
        measured.ms += seconds * messages * 1000;
      });
      const shares: string[] = [];
      let begunMs = 0;
      const all = plan.map(
        ({ messages, ms }, i) =>
          new FakeStream(`${i}`, messages, ms, (share, tookMs) => {
            // Begun within the slice, by a look at the clock not many messages ago.
            expect(lookedMs - begunMs).toBeLessThan(SLICE_MS);
            expect(sinceLook).toBeLessThan(MESSAGES_PER_LOOK);
            sinceLook += Number(share.split(' ')[1]);
            now += tookMs;
            shares.push(share);
          }),
      );
      for (const stream of all) turn.add(stream);
      expect(shares).toEqual([]);
      await microtasks();
      for (let turns = 0; atTurnEnd.length > 0; turns++) {
        expect(turns).toBeLessThan(200);
        begunMs = now;
        const fires = atTurnEnd;
        atTurnEnd = [];
        for (const fire of fires) fire();
        await microtasks();
      }
      const expected: string[] = [];
      for (let round = 0; round < 4; round++) {
        plan.forEach(({ messages }, i) => {
          const left = messages - round * SHARE;
          if (round === 0 || left > 0) expected.push(`${i} ${Math.max(Math.min(left, SHARE), 0)}`);
        });
      }
      expect(shares).toEqual(expected);
      const messages = plan.reduce((sum, each) => sum + each.messages, 0);
      expect(measured.messages).toBe(messages);
      expect(measured.events).toBe(2 * messages);
      expect(measured.ms).toBeCloseTo(
        plan.reduce((sum, each) => sum + each.messages * each.ms, 0),
        6,
      );
      // And again: whoever has something later is served as well.
      all[0] = new FakeStream('later', 1, 0, (share) => shares.push(share));
      turn.add(all[0]);
      await microtasks();
      expect(shares.at(-1)).toBe('later 1');
    }),
    { numRuns: 200 },
  );
});
