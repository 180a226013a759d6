/** The header at the head of every answer. */

import type { ResponseHeader } from '../codec/index.ts';
import type { Member } from '../node/index.ts';

/** `revision` is the store's as the request found or left it. */
export function headerOf(member: Member, revision: number = member.revision): ResponseHeader {
  return { clusterId: member.clusterId, memberId: member.memberId, revision, term: member.term };
}
