/** Watchers whose user may not read their range any more are ended, before anything more is told to them; the others go on. */

import { expect, test } from 'vitest';
import type { AuthRequest } from '../../../src/auth/index.ts';
import { FakeMember } from '../../support/fake-member.ts';
import { people, tokenOf } from '../../support/test-auth.ts';
import { Conversation } from './conversation.ts';

const DENIED = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';

function change(member: FakeMember, request: AuthRequest): void {
  member.auth.apply(request);
  member.identification.applied(request, 1);
}

async function watching(): Promise<{ member: FakeMember; talk: Conversation }> {
  const member = new FakeMember();
  people(member, {
    alice: [
      { type: 'read', key: 'a', rangeEnd: 'f' },
      { type: 'read', key: 'm', rangeEnd: '' },
    ],
  });
  const talk = new Conversation({ member, token: tokenOf('alice') });
  talk.create({ key: 'b', watch_id: 1 });
  talk.create({ key: 'm', watch_id: 2 });
  talk.create({ key: 'a', range_end: 'f', watch_id: 3 });
  await talk.hears();
  return { member, talk };
}

const revoke: AuthRequest = { kind: 'authRoleRevokePermission', role: 'alice', range: { key: 'a', rangeEnd: 'f' } };

test('a permission goes: its watchers end, and events that wait for them are not sent', async () => {
  const { member, talk } = await watching();
  talk.write('b=1', 'm=1');
  change(member, revoke);
  expect(await talk.hears()).toEqual([
    `w1 rev=2 canceled '${DENIED}'`,
    `w3 rev=2 canceled '${DENIED}'`,
    'w2 rev=2 put m=1@2',
  ]);
  talk.write('b=2', 'm=2');
  expect(await talk.hears()).toEqual(['w2 rev=3 put m=2@3']);
});

test('the user goes', async () => {
  const { member, talk } = await watching();
  change(member, { kind: 'authUserDelete', name: 'alice' });
  expect(await talk.hears()).toEqual([1, 2, 3].map((id) => `w${id} rev=1 canceled '${DENIED}'`));
});

test('that the token has ended does not end what it has begun; but nothing more begins', async () => {
  const { member, talk } = await watching();
  member.identification.tokens.forgetAll();
  change(member, { kind: 'authUserAdd', name: 'bob', passwordHash: '', noPassword: false });
  talk.write('b=1');
  talk.create({ key: 'c' });
  expect((await talk.hears()).sort()).toEqual([
    "w-1 rev=2 created canceled 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token'",
    'w1 rev=2 put b=1@2',
    'w3 rev=2 put b=1@2',
  ]);
});

test('auth is turned on: who is nobody watches no more', async () => {
  const member = new FakeMember();
  const talk = new Conversation({ member });
  talk.create({ key: 'b', watch_id: 1 });
  await talk.hears();
  people(member, {});
  change(member, { kind: 'authRoleAdd', role: 'any' });
  expect(await talk.hears()).toEqual([
    "w1 rev=1 canceled 'rpc error: code = InvalidArgument desc = etcdserver: user name is empty'",
  ]);
});
