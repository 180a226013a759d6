/**
 * The same requests to Debian's etcd and to this node must get the same answers, field by field.
 *
 * Each transcript begins with two empty stores, so that the revisions in it can be read as they are. What may differ is in
 * known-differences.ts. COMPAT_SEED repeats a random run; COMPAT_OTHER=etcd runs etcd against etcd, to see that the
 * transcripts themselves are stable.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { etcd, hasEtcd, type Running, running, type Target, watchraft } from '../support/servers.ts';
import { compare, report, type Sides } from './comparison.ts';
import { exchanges } from './exchange.ts';
import { randomExchanges } from './random-exchanges.ts';
import { Session } from './session.ts';
import { transcripts } from './transcripts/index.ts';

const REFERENCE_PORT = 24_610;
const OTHER_PORT = 24_612;

const RANDOM_EXCHANGES = 600;
const FIXED_SEEDS = [1, 2];

const other: Target = process.env['COMPAT_OTHER'] === 'etcd' ? etcd : watchraft;

async function withBoth<T>(work: (sides: Sides) => Promise<T>): Promise<T> {
  const started: Running[] = await Promise.all([running(etcd, REFERENCE_PORT), running(other, OTHER_PORT)]);
  const [reference, compared] = started.map(({ server }) => new Session(server.endpoint));
  try {
    if (reference === undefined || compared === undefined) throw new Error('two servers were started');
    return await work({ reference, other: compared, same: other === etcd });
  } finally {
    reference?.close();
    compared?.close();
    await Promise.all(started.map((server) => server[Symbol.asyncDispose]()));
  }
}

let made = 0;

describe.skipIf(!hasEtcd())(`${other.name} answers as etcd does`, () => {
  test.each(transcripts.map((transcript) => [transcript.name, transcript] as const))(
    '%s',
    async (_name, transcript) => {
      const findings = await withBoth((sides) => compare(transcript, sides));
      expect(report(findings)).toBe('');
      made += exchanges(transcript.steps);
    },
  );

  const seeds = process.env['COMPAT_SEED'] === undefined ? FIXED_SEEDS : [Number(process.env['COMPAT_SEED'])];
  test.each([...seeds, Date.now() % 1_000_000])('random exchanges, COMPAT_SEED=%i', async (seed) => {
    const run = await withBoth((sides) => randomExchanges(seed, RANDOM_EXCHANGES, sides));
    expect(report(run.findings)).toBe('');
    made += run.exchanges;
  });

  afterAll(() => {
    process.stdout.write(`compat: ${made} exchanges with ${other.name} and etcd\n`);
  });
});

test('the transcripts are many', () => {
  const all = transcripts.map(({ steps }) => exchanges(steps)).reduce((sum, count) => sum + count, 0);
  expect(all).toBeGreaterThan(400);
});
