/** What every test file is checked for at its end (test/support/untold.ts): a log with a secret in it is told from one without. */

import { expect, test } from 'vitest';
import { Authority } from '../../cluster/certificates/index.ts';
import { RealClock } from '../../src/node/real-clock.ts';
import { JwtTokens, Passwords } from '../../src/rpc/index.ts';
import { secretsIn } from '../support/secrets.ts';
import { BCRYPT_COST_MIN } from '../support/test-auth.ts';

const inLog = (secret: string): string =>
  `{"level":"info","ts":"2026-11-21T12:00:00.000Z","msg":"x","what":"${secret}"}\n`;

test('keys, hashes, tokens and passwords are recognised wherever they are', async () => {
  const authority = await Authority.make('a CA');
  const { key } = await authority.issue({ commonName: 'a' });
  expect(secretsIn(inLog(key))).toHaveLength(1);
  const passwords = new Passwords(BCRYPT_COST_MIN);
  expect(secretsIn(inLog(await passwords.hash('x')))).toHaveLength(1);
  await passwords.close();
  const clock = new RealClock();
  const jwt = new JwtTokens({
    clock,
    signMethod: 'HS256',
    publicKey: undefined,
    privateKey: Buffer.alloc(32),
    ttlMs: 1,
  });
  expect(secretsIn(inLog(await jwt.sign('root', 1)))).toHaveLength(1);
  expect(secretsIn(inLog('kmXSabcdefghijkl.1742'))).toHaveLength(1);
  expect(secretsIn(inLog('the-password-of-root'))).toHaveLength(1);
});

test('what logs are full of is no secret', () => {
  for (const text of [
    '127.0.0.1:2380',
    '/etcdserverpb.Auth/Authenticate',
    '8e9e05c52164694d',
    'node/lease-keeper.ts:12',
  ])
    expect(secretsIn(inLog(text))).toEqual([]);
});
