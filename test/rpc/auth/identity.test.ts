/** Tokens and passwords: what is taken for what it says it is, and what is not. */

import { generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { RequestError, SimulatedClock } from '../../../src/base/index.ts';
import { SimpleTokens } from '../../../src/node/simple-tokens.ts';
import { PASSWORDS_WAITING_MAX } from '../../../src/rpc/auth/passwords.ts';
import { JwtTokens, Passwords } from '../../../src/rpc/index.ts';
import type { CallContext } from '../../../src/wire/index.ts';
import { FakeMember } from '../../support/fake-member.ts';
import { BCRYPT_COST_MIN, people, testAuth } from '../../support/test-auth.ts';

const pem = (pair: ReturnType<typeof generateKeyPairSync>): { publicKey: Uint8Array; privateKey: Uint8Array } => ({
  publicKey: Buffer.from(pair.publicKey.export({ type: 'spki', format: 'pem' })),
  privateKey: Buffer.from(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })),
});

const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const secret = Buffer.alloc(32, 7);
const KEYS: Readonly<Record<string, { publicKey: Uint8Array | undefined; privateKey: Uint8Array | undefined }>> = {
  RS256: rsa,
  PS384: rsa,
  ES256: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  EdDSA: pem(generateKeyPairSync('ed25519')),
  HS256: { publicKey: undefined, privateKey: secret },
};

function tokens(signMethod: string, keys = KEYS[signMethod], clock = new SimulatedClock()): JwtTokens {
  return new JwtTokens({ clock, signMethod, publicKey: keys?.publicKey, privateKey: keys?.privateKey, ttlMs: 60_000 });
}

describe('JWT', () => {
  test.each(Object.keys(KEYS))('%s: signed here, taken here, and no longer than it says', async (signMethod) => {
    const clock = new SimulatedClock();
    const jwt = tokens(signMethod, KEYS[signMethod], clock);
    const token = await jwt.sign('alice', 12);
    expect(await jwt.verify(token)).toMatchObject({ username: 'alice', authRevision: 12 });
    const [head = '', body = '', signature = ''] = token.split('.');
    const forged = Buffer.from(body, 'base64url').toString().replace('alice', 'root!');
    expect(await jwt.verify(`${head}.${Buffer.from(forged).toString('base64url')}.${signature}`)).toBeUndefined();
    expect(await jwt.verify(`${head}.${body}.`)).toBeUndefined();
    expect(await jwt.verify('no token')).toBeUndefined();
    clock.advance(61_000);
    expect(await jwt.verify(token)).toBeUndefined();
  });

  test('another algorithm is not taken, not even with the public key for a secret, and none least of all', async () => {
    const jwt = tokens('RS256');
    const claims = { username: 'root', revision: 12, exp: 4_000_000_000 };
    const confused = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(rsa.publicKey);
    expect(await jwt.verify(confused)).toBeUndefined();
    expect(await jwt.verify(await tokens('PS384').sign('root', 12))).toBeUndefined();
    expect(await jwt.verify(new UnsecuredJWT(claims).encode())).toBeUndefined();
    expect(await jwt.verify(await tokens('RS256').sign('root', 12))).toMatchObject({ username: 'root' });
  });

  test('with a public key alone tokens are only checked; a key of another kind is refused', async () => {
    const reader = tokens('RS256', { publicKey: rsa.publicKey, privateKey: undefined });
    expect(await reader.verify(await tokens('RS256').sign('bob', 3))).toMatchObject({ username: 'bob' });
    await expect(reader.sign('bob', 3)).rejects.toThrow('no private key');
    expect(() => tokens('ES256', rsa)).toThrow('not for ES256');
  });

  test('one that is good for ever, or for nobody, is not taken', async () => {
    const sign = async (claims: Record<string, unknown>): Promise<string> =>
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    const jwt = tokens('HS256');
    expect(await jwt.verify(await sign({ username: 'a', revision: 1 }))).toBeUndefined();
    expect(await jwt.verify(await sign({ username: '', revision: 1, exp: 4e9 }))).toBeUndefined();
    expect(await jwt.verify(await sign({ username: 'a', revision: -1, exp: 4e9 }))).toBeUndefined();
    expect(await jwt.verify(await sign({ username: 'a', revision: 1, exp: 4e9 }))).toBeDefined();
  });
});

describe('passwords', () => {
  test('are what they were hashed from, and hashes made elsewhere are read', async () => {
    const passwords = new Passwords(BCRYPT_COST_MIN);
    const hash = await passwords.hash('gr\u00fc\u00dfe');
    expect(hash).toMatch(/^\$2[ab]\$04\$/);
    expect(await passwords.isRight('gr\u00fc\u00dfe', hash)).toBe(true);
    expect(await passwords.isRight('other', hash)).toBe(false);
    expect(await passwords.isRight('', '')).toBe(false);
    expect(await passwords.isRight('x', 'no hash at all')).toBe(false);
    await expect(passwords.hash('x'.repeat(73))).rejects.toThrow('72 bytes');
    await passwords.close();
  });

  test('more than may wait are told to come again', async () => {
    const passwords = new Passwords(BCRYPT_COST_MIN);
    const asked = Array.from({ length: PASSWORDS_WAITING_MAX + 1 }, () => passwords.hash('x'));
    const settled = Promise.allSettled(asked);
    await expect(asked.at(-1)).rejects.toMatchObject({ code: 'tooManyRequests' });
    await passwords.close();
    for (const result of (await settled).filter(({ status }) => status === 'rejected')) {
      expect(result).toMatchObject({ reason: expect.any(RequestError) });
    }
  });
});

test('a simple token is good while it is used, and ends with its user', () => {
  const clock = new SimulatedClock();
  const simple = new SimpleTokens(clock, 300_000);
  simple.assign('t.1', 'alice');
  simple.assign('u.2', 'bob');
  clock.advance(200_000);
  expect(simple.userOf('t.1')).toBe('alice');
  clock.advance(200_000);
  expect([simple.userOf('t.1'), simple.userOf('u.2'), simple.size]).toEqual(['alice', undefined, 1]);
  simple.forgetUser('alice');
  expect(simple.userOf('t.1')).toBeUndefined();
});

const callOf = (who: Partial<CallContext>): CallContext => ({
  method: '/',
  metadata: new Map(),
  peer: '127.0.0.1:1',
  commonName: undefined,
  cancelled: false,
  onCancelled: () => undefined,
  onEnded: () => undefined,
  ...who,
});

test('a signed token that ends while a stream lives lets nothing new begin, and ends nothing', async () => {
  const clock = new SimulatedClock();
  const jwt = tokens('HS256', undefined, clock);
  const member = new FakeMember();
  people(member, { alice: [] });
  const { callers } = testAuth(member, { clock, jwt });
  const call = callOf({ metadata: new Map([['token', await jwt.sign('alice', member.auth.revision)]]) });
  await callers.identify(call, true);
  expect(callers.of(call).username).toBe('alice');
  clock.advance(61_000);
  expect(() => callers.of(call)).toThrow('invalid auth token');
  expect(callers.userOf(call)).toBe('alice');
});

test('the name in a certificate counts where certificates are asked for, and there only', () => {
  const member = new FakeMember();
  people(member, { alice: [] });
  const call = callOf({ commonName: 'alice' });
  expect(testAuth(member, { usesCertificates: true }).callers.of(call).username).toBe('alice');
  expect(testAuth(member).callers.of(call).username).toBe('');
});
