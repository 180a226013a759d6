/**
 * The same requests to etcd and to this node must get the same answers, field by field.
 *
 * A transcript that names revisions begins with two empty stores, so that they can be read as they are. What may differ is in
 * known-differences.ts. COMPAT_SEED repeats a random run; COMPAT_OTHER=etcd runs etcd against etcd, to see that the
 * transcripts themselves are stable.
 */

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { present } from '../../src/base/index.ts';
import { etcd, etcdMinor, hasEtcd, type Running, running, type Target, watchraft } from '../support/servers.ts';
import { compare, report, type Sides } from './comparison.ts';
import { exchanges, type Transcript } from './exchange.ts';
import { randomExchanges } from './random-exchanges.ts';
import { Session } from './session.ts';
import { transcripts } from './transcripts/index.ts';

const REFERENCE_PORT = 24_610;
const OTHER_PORT = 24_612;

const RANDOM_EXCHANGES = 600;
const FIXED_SEEDS = [1, 2];

const other: Target = process.env['COMPAT_OTHER'] === 'etcd' ? etcd : watchraft;

/** The two servers, each with an empty store. */
async function both(): Promise<readonly [Running, Running]> {
  const reference = await running(etcd, REFERENCE_PORT);
  try {
    return [reference, await running(other, OTHER_PORT)];
  } catch (error) {
    await reference[Symbol.asyncDispose]();
    throw error;
  }
}

/** Lets `work` talk to both. */
async function withSides<T>(
  [reference, compared]: readonly [Running, Running],
  work: (sides: Sides) => Promise<T>,
): Promise<T> {
  const sessions = [new Session(reference.server.endpoint), new Session(compared.server.endpoint)] as const;
  try {
    return await work({ reference: sessions[0], other: sessions[1], same: other === etcd });
  } finally {
    for (const session of sessions) session.close();
  }
}

/** The servers end with the test, also when it takes too long. */
async function onEmptyStores<T>(work: (sides: Sides) => Promise<T>): Promise<T> {
  const servers = await both();
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });
  return withSides(servers, work);
}

const minor = hasEtcd() ? etcdMinor() : 0;

const named = (chosen: readonly Transcript[]): readonly (readonly [string, Transcript])[] =>
  chosen
    .filter(({ upToMinor = minor }) => minor <= upToMinor)
    .map((transcript) => [transcript.name, transcript] as const);

let made = 0;

describe.skipIf(!hasEtcd())(`${other.name} answers as etcd does`, () => {
  describe('from empty stores on', () => {
    test.each(named(transcripts.filter(({ anywhere }) => anywhere !== true)))('%s', async (_name, transcript) => {
      const findings = await onEmptyStores((sides) => compare(transcript, sides));
      expect(report(findings)).toBe('');
      made += exchanges(transcript.steps);
    });
  });

  describe('one after the other', () => {
    let servers: readonly [Running, Running] | undefined;
    beforeAll(async () => {
      servers = await both();
    });
    afterAll(async () => {
      await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
    });
    test.each(named(transcripts.filter(({ anywhere }) => anywhere === true)))('%s', async (_name, transcript) => {
      const findings = await withSides(present(servers, 'the servers'), (sides) => compare(transcript, sides));
      expect(report(findings)).toBe('');
      made += exchanges(transcript.steps);
    });
  });

  const seeds = process.env['COMPAT_SEED'] === undefined ? FIXED_SEEDS : [Number(process.env['COMPAT_SEED'])];
  test.each([...seeds, Date.now() % 1_000_000])('random exchanges, COMPAT_SEED=%i', async (seed) => {
    const run = await onEmptyStores((sides) => randomExchanges(seed, RANDOM_EXCHANGES, sides));
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
