import { expect, test } from 'vitest';
import { SimulatedClock } from '../../src/base/index.ts';
import { MemoryLogger, RateLimitedLog } from '../../src/ops/index.ts';

test('so many a second are written, and the next one says how many were not', () => {
  const clock = new SimulatedClock();
  const logger = new MemoryLogger();
  const log = new RateLimitedLog(clock, logger, 2);
  for (let i = 0; i < 5; i++) log.warn('slow', { i });
  clock.advance(999);
  log.warn('slow', { i: 5 });
  clock.advance(1);
  log.warn('slow', { i: 6 });
  log.warn('slow', { i: 7 });
  expect(logger.entries.map(({ fields }) => fields)).toEqual([{ i: 0 }, { i: 1 }, { i: 6, 'left-out': 4 }, { i: 7 }]);
});
