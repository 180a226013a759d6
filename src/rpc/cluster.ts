/** etcdserverpb.Cluster, as far as a single member goes: the list of its members. What would change the list is not served. */

import type { Bytes } from '../base/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import type { Member } from '../node/index.ts';
import type { Message, Method } from '../wire/index.ts';
import { headerOf } from './header.ts';
import { decodeMessage, encodeMessage, headerFields } from './message.ts';

export function clusterMethods(member: Member): readonly (readonly [string, Method])[] {
  return [['/etcdserverpb.Cluster/MemberList', { kind: 'unary', handler: (request) => memberList(member, request) }]];
}

async function memberList(member: Member, request: Bytes): Promise<Message> {
  const { linearizable } = decodeMessage(pb.MemberListRequest, request);
  if (linearizable) await member.readIndex();
  return encodeMessage(pb.MemberListResponse, {
    // Membership is no part of the store, and so this header has no revision, as etcd's has none.
    header: headerFields(headerOf(member, 0)),
    members: member.members().map((one) => ({
      ID: one.id,
      name: one.name,
      peerURLs: one.peerUrls,
      clientURLs: one.clientUrls,
      isLearner: one.isLearner,
    })),
  });
}
