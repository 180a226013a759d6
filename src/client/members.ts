/** The members of the cluster, as its Cluster service tells them. */

import { etcdserverpb } from '../gen/etcd.js';
import { bigintOf } from './integer.ts';

export interface MemberInfo {
  readonly id: bigint;
  /** Empty for one that was added and has not started yet. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** None for one that has not started yet. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What a change of the membership leaves. */
export interface MembersResult {
  readonly members: readonly MemberInfo[];
}

export interface MemberAddResult extends MembersResult {
  readonly added: MemberInfo;
}

export function memberInfoOf(member: etcdserverpb.Member.$Properties): MemberInfo {
  return {
    id: bigintOf(member.ID),
    name: member.name ?? '',
    peerUrls: member.peerURLs ?? [],
    clientUrls: member.clientURLs ?? [],
    isLearner: member.isLearner ?? false,
  };
}

/** Ids have 64 bits, which a number cannot hold: the generated code takes them as decimal text. */
export function memberIdField(id: bigint): { readonly ID: string } {
  return { ID: BigInt.asUintN(64, id).toString() };
}
