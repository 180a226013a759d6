import { expect, test } from 'vitest';
import { ArmedFailpoints, type FailpointPowers } from '../../../src/ops/failpoints/armed-failpoints.ts';
import { TermsError } from '../../../src/ops/failpoints/terms.ts';
import { MemoryLogger } from '../../../src/ops/index.ts';

interface Seen {
  readonly failpoints: ArmedFailpoints;
  readonly logger: MemoryLogger;
  readonly done: string[];
}

function make(): Seen {
  const logger = new MemoryLogger();
  const done: string[] = [];
  const powers: FailpointPowers = {
    die: (code) => void done.push(`die ${code}`),
    holdThread: (ms) => void done.push(`hold ${ms}`),
    chance: () => 0,
  };
  return { failpoints: new ArmedFailpoints(logger, powers), logger, done };
}

test('a moment that is not armed is passed at once', () => {
  const { failpoints } = make();
  expect(failpoints.hit('beforeCommit')).toBeUndefined();
  expect(failpoints.reach('beforeCommit')).toBeUndefined();
});

test('panic says where, and ends the process with the code of a Go panic', () => {
  const { failpoints, logger, done } = make();
  failpoints.arm('beforeCommit', 'panic("enough")');
  failpoints.hit('beforeCommit');
  expect(done).toEqual(['die 2']);
  expect(logger.entries.at(-1)).toMatchObject({
    level: 'fatal',
    message: 'panic: failpoint',
    fields: { failpoint: 'beforeCommit', text: 'enough' },
  });
});

test('sleep holds the thread where nobody can wait, and only the path where somebody can', async () => {
  const { failpoints, done } = make();
  failpoints.arm('beforeCommit', 'sleep(1)');
  failpoints.hit('beforeCommit');
  expect(done).toEqual(['hold 1']);
  const slept = failpoints.reach('beforeCommit');
  expect(slept).toBeDefined();
  expect(await slept).toBeUndefined();
  expect(done).toEqual(['hold 1']);
});

test('return tells the moment to fail, with its text', async () => {
  const { failpoints } = make();
  failpoints.arm('walBeforeSync', 'return("no")');
  expect(failpoints.hit('walBeforeSync')).toBe('no');
  expect(await failpoints.reach('walBeforeSync')).toBe('no');
});

test('off, print and break let it pass', async () => {
  const { failpoints, logger } = make();
  for (const terms of ['off', 'print("here")', 'break']) {
    failpoints.arm('afterCommit', terms);
    expect(failpoints.hit('afterCommit')).toBeUndefined();
    expect(await failpoints.reach('afterCommit')).toBeUndefined();
  }
  expect(logger.entries.filter(({ message }) => message === 'failpoint print')).toHaveLength(2);
});

test('arming again begins anew; disarming ends it; what cannot be read changes nothing', () => {
  const { failpoints } = make();
  failpoints.arm('afterCommit', '1*return("a")');
  failpoints.hit('afterCommit');
  expect(failpoints.terms('afterCommit')).toMatchObject({ text: '1*return("a")', count: 1 });
  expect(() => failpoints.arm('afterCommit', 'fly')).toThrow(TermsError);
  expect(failpoints.terms('afterCommit')?.count).toBe(1);
  failpoints.arm('afterCommit', '1*return("b")');
  expect(failpoints.hit('afterCommit')).toBe('b');
  failpoints.disarm('afterCommit');
  expect(failpoints.terms('afterCommit')).toBeUndefined();
});

test('a list is armed as a whole or not at all', () => {
  const { failpoints } = make();
  failpoints.armAll('beforeCommit=sleep(1); afterCommit=return("x") ;');
  expect(failpoints.terms('beforeCommit')?.text).toBe('sleep(1)');
  expect(failpoints.terms('afterCommit')?.text).toBe('return("x")');
  expect(() => failpoints.armAll('beforeCommit=off;nowhere=panic')).toThrow("there is no 'nowhere'");
  expect(() => failpoints.armAll('beforeCommit=off;afterCommit')).toThrow(TermsError);
  expect(() => failpoints.armAll('beforeCommit=off;afterCommit=x')).toThrow(TermsError);
  expect(failpoints.terms('beforeCommit')?.text).toBe('sleep(1)');
});
