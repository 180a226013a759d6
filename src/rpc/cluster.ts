/** etcdserverpb.Cluster: who the members are, and changes of that. Every answer has all members, as they are after it. */

import { type Bytes, RequestError } from '../base/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import type { ClusterMember, Member } from '../node/index.ts';
import type { Message, Method } from '../wire/index.ts';
import { headerOf } from './header.ts';
import { decodeMessage, encodeMessage, headerFields, uint64Of } from './message.ts';

export function clusterMethods(member: Member): readonly (readonly [string, Method])[] {
  const unary = (name: string, handler: (member: Member, request: Bytes) => Promise<Message>): [string, Method] => [
    `/etcdserverpb.Cluster/${name}`,
    { kind: 'unary', handler: (request) => handler(member, request) },
  ];
  return [
    unary('MemberList', memberList),
    unary('MemberAdd', memberAdd),
    unary('MemberRemove', memberRemove),
    unary('MemberUpdate', memberUpdate),
    unary('MemberPromote', memberPromote),
  ];
}

async function memberList(member: Member, request: Bytes): Promise<Message> {
  const { linearizable } = decodeMessage(pb.MemberListRequest, request);
  if (linearizable) await member.readIndex();
  return encodeMessage(pb.MemberListResponse, answer(member));
}

async function memberAdd(member: Member, request: Bytes): Promise<Message> {
  const { peerURLs, isLearner } = decodeMessage(pb.MemberAddRequest, request);
  const added = await member.changes.add(checkedUrls(peerURLs), isLearner === true);
  return encodeMessage(pb.MemberAddResponse, { ...answer(member), member: fieldsOf(added) });
}

async function memberRemove(member: Member, request: Bytes): Promise<Message> {
  await member.changes.remove(uint64Of(decodeMessage(pb.MemberRemoveRequest, request).ID));
  return encodeMessage(pb.MemberRemoveResponse, answer(member));
}

async function memberUpdate(member: Member, request: Bytes): Promise<Message> {
  const { ID, peerURLs } = decodeMessage(pb.MemberUpdateRequest, request);
  await member.changes.update(uint64Of(ID), checkedUrls(peerURLs));
  return encodeMessage(pb.MemberUpdateResponse, answer(member));
}

async function memberPromote(member: Member, request: Bytes): Promise<Message> {
  await member.changes.promote(uint64Of(decodeMessage(pb.MemberPromoteRequest, request).ID));
  return encodeMessage(pb.MemberPromoteResponse, answer(member));
}

/** Membership is no part of the store, and so this header has no revision, as etcd's has none. */
function answer(member: Member): Readonly<Record<string, unknown>> {
  return { header: headerFields(headerOf(member, 0)), members: member.members().map(fieldsOf) };
}

function fieldsOf(member: ClusterMember): object {
  const { id, name, peerUrls, clientUrls, isLearner } = member;
  return { ID: id, name, peerURLs: peerUrls, clientURLs: clientUrls, isLearner };
}

const SCHEMES = new Set(['http:', 'https:', 'unix:', 'unixs:']);

/** The URLs themselves. Throws RequestError badMemberUrls unless there are some, and each is a scheme, a host and a port. */
function checkedUrls(urls: readonly string[] | null | undefined): readonly string[] {
  if (!urls?.length || !urls.every(isPeerUrl)) throw new RequestError('badMemberUrls');
  return urls;
}

function isPeerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, port, pathname, search } = new URL(text);
  return SCHEMES.has(protocol) && port !== '' && pathname.length <= 1 && search === '';
}
