export type { ConfigurationChange, MemberChange } from './conf-change.ts';
export {
  type Configuration,
  configurationOf,
  EMPTY_CONFIGURATION,
  isJoint,
  membersOf,
} from './configuration.ts';
export * from './describe.ts';
export {
  type ConfigurationEntry,
  type Entry,
  type MemberId,
  type NormalEntry,
  type Position,
  type SnapshotMark,
} from './entry.ts';
export { LIMITS_DEFAULT, type Limits } from './limits.ts';
export type { Message, MessageBody, MessageOf, Proposal, ProposeAnswer, Refusal, Ticket } from './message.ts';
export type { ProgressState } from './progress.ts';
export type { ProposeResult } from './proposal.ts';
export { bootstrapped, JOINING, Raft } from './raft.ts';
export type * from './ready.ts';
export type { RaftOptions } from './state.ts';
export type { TransferResult } from './transfer.ts';
