import { raftId } from '../codec/index.ts';

/** The cluster has gone on without this member, for good: its id never comes back. */
export class MemberRemovedError extends Error {
  override readonly name = 'MemberRemovedError';

  constructor(id: bigint) {
    super(
      `the member ${raftId(id)} has been permanently removed from the cluster: to let it join again, delete its data directory and add it as a new member`,
    );
  }
}
