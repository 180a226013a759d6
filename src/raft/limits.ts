/** Every bound of the core, by name. Times are in ticks; what a tick lasts is the owner's business. */

import { assert } from '../base/index.ts';

export interface Limits {
  /** A follower that has heard nothing for this long, and up to as much again by chance, calls an election. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries in one append message. One entry may be larger, alone in its message. */
  readonly appendBytesMax: number;
  /** Unacknowledged append messages to one follower. When reached, the leader waits for an answer. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Proposals in the leader's log that are not committed. When reached, further ones are refused ('tooManyUncommitted'). */
  readonly uncommittedBytesMax: number;
  /** Entries in one Ready, to apply. What is left comes with the next. */
  readonly committedBytesMax: number;
  /** Entries handed out and not reported as applied. When reached, no more are handed out. */
  readonly applyingBytesMax: number;
  /** Reads waiting at the leader, or for the leader's answer. When reached, further ones are refused. */
  readonly readsWaitingMax: number;
  /** Forwarded proposals without an answer. When reached, further ones are refused ('tooManyForwarded'). */
  readonly forwardsWaitingMax: number;
}

const MiB = 1024 * 1024;

export const LIMITS_DEFAULT: Limits = {
  electionTicks: 10,
  heartbeatTicks: 1,
  appendBytesMax: MiB,
  inflightMessagesMax: 512,
  inflightBytesMax: 16 * MiB,
  uncommittedBytesMax: 64 * MiB,
  committedBytesMax: 4 * MiB,
  applyingBytesMax: 64 * MiB,
  readsWaitingMax: 65_536,
  forwardsWaitingMax: 65_536,
};

/** The limits themselves, once it is sure that a cluster can live with them. */
export function checkedLimits(limits: Limits): Limits {
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value > 0, `${name} must be a whole number above 0: ${value}`);
  }
  assert(
    limits.electionTicks > limits.heartbeatTicks,
    `electionTicks ${limits.electionTicks} must be above heartbeatTicks ${limits.heartbeatTicks}`,
  );
  return limits;
}
