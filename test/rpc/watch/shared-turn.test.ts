import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedTurn } from '../../../src/rpc/watch/shared-turn.ts';

test('work that takes long is done in turns of a slice, each with at least one, in the order in which it was asked for', () => {
  const durations = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(durations, { maxLength: 5 }), (bursts) => {
      let workedMs = 0;
      let atTurnEnd: (() => void)[] = [];
      const turn = new SharedTurn({
        now: () => workedMs,
        wall: () => 0,
        after: (delayMs, fire) => {
          expect(delayMs).toBe(0);
          atTurnEnd.push(fire);
          return { cancel: () => {} };
        },
      });
      const asked: string[] = [];
      const done: string[] = [];
      /** When the turn began, and what was done in it. */
      let begunMs = 0;
      let doneInTurn = 0;
      const ask = (name: string, ms: number): void => {
        asked.push(name);
        const one = (): void => work(name, ms);
        if (turn.hasTime()) one();
        else turn.wait(one);
      };
      const work = (name: string, ms: number): void => {
        expect(doneInTurn === 0 || workedMs - begunMs < 2).toBe(true);
        doneInTurn++;
        workedMs += ms;
        done.push(name);
        // Some lead to more.
        if (ms % 3 === 1) ask(`${name}'`, ms - 1);
      };
      const nextTurn = (): void => {
        begunMs = workedMs;
        doneInTurn = 0;
        const fires = atTurnEnd;
        atTurnEnd = [];
        for (const fire of fires) fire();
      };
      bursts.forEach((burst, b) => {
        burst.forEach((ms, i) => ask(`${b}.${i}`, ms));
        nextTurn();
      });
      for (let turns = 0; done.length < asked.length; turns++) {
        expect(turns).toBeLessThan(asked.length);
        nextTurn();
      }
      expect(done).toEqual(asked);
    }),
    { seed: 20261121, numRuns: 300 },
  );
});
