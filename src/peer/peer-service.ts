/**
 * What a member serves to the others, as methods for the server of its peer port: their messages, their snapshots, their questions,
 * the state for one that has lost its own, and above all others the question who is in the cluster.
 */

import { type Bytes, type Clock, type Logger, RequestError } from '../base/index.ts';
import { decodeAddressedQuestion, encodePeerMembers, type PeerMember } from '../codec/index.ts';
import type { MemberId } from '../raft/index.ts';
import type { CallContext, DuplexStream, Method } from '../wire/index.ts';
import { Complaints } from './complaints.ts';
import {
  ASK_METHOD,
  helloProblem,
  type Identity,
  MEMBERS_METHOD,
  MESSAGES_METHOD,
  SNAPSHOT_METHOD,
  STATE_METHOD,
} from './hello.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { IncomingSnapshot } from './incoming-snapshot.ts';
import { SNAPSHOTS_RECEIVED_AT_ONCE_MAX } from './limits.ts';
import type { PeerObserver } from './observer.ts';
import { sendState } from './state-upload.ts';
import { StreamGuard } from './stream-guard.ts';
import type { OutgoingSnapshot, PeerReceiver } from './transport.ts';

export interface PeerServiceOptions {
  readonly clusterId: bigint;
  /** This member. */
  readonly memberId: MemberId;
  readonly receiver: PeerReceiver;
  /** Who is in the cluster, as far as this member knows. */
  readonly members: () => readonly PeerMember[];
  /** The whole state of this member, for one that has lost its own. */
  readonly state: () => Promise<OutgoingSnapshot>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: PeerObserver;
}

/** To be served with messages of up to PEER_REQUEST_BYTES_MAX. */
export function peerMethods(options: PeerServiceOptions): ReadonlyMap<string, Method> {
  const { clusterId, memberId, receiver, members, clock, observer } = options;
  const identity: Identity = { clusterId, memberId };
  const logger = options.logger.named('peer');
  const complaints = new Complaints(clock);
  const receiving = new Set<IncomingSnapshot>();
  const guard = (stream: DuplexStream, call: CallContext): StreamGuard =>
    new StreamGuard({
      identity,
      stream,
      call,
      logger,
      complaints,
      observer,
      met: (peer) => receiver.met?.(peer),
    });

  const messages = (stream: DuplexStream, call: CallContext): void => {
    const incoming = new IncomingMessages(stream, guard(stream, call), receiver, observer);
    stream.onMessage((bytes) => incoming.frame(bytes));
    stream.onHalfClose(() => stream.end());
  };
  const snapshot = (stream: DuplexStream, call: CallContext): void => {
    const isFull = receiving.size >= SNAPSHOTS_RECEIVED_AT_ONCE_MAX;
    const ended = (): void => void receiving.delete(incoming);
    const incoming: IncomingSnapshot = new IncomingSnapshot({
      stream,
      guard: guard(stream, call),
      receiver,
      clock,
      observer,
      isFull,
      ended,
    });
    if (!isFull) receiving.add(incoming);
    stream.onMessage((bytes) => incoming.chunk(bytes));
    stream.onHalfClose(() => incoming.brokenOff());
    call.onCancelled(() => incoming.brokenOff());
  };
  const answer = (request: Bytes): Promise<Bytes> => {
    const { hello, question } = decodeAddressedQuestion(request);
    if (hello === undefined || helloProblem(hello, identity) !== undefined) throw new RequestError('clusterIdMismatch');
    return receiver.answer(question);
  };
  return new Map<string, Method>([
    [MESSAGES_METHOD, { kind: 'duplex', handler: messages }],
    [SNAPSHOT_METHOD, { kind: 'duplex', handler: snapshot }],
    [STATE_METHOD, { kind: 'serverStream', handler: (hello, stream, call) => sendState(options, hello, stream, call) }],
    [MEMBERS_METHOD, { kind: 'unary', handler: () => encodePeerMembers({ clusterId, members: members() }) }],
    [ASK_METHOD, { kind: 'unary', handler: answer }],
  ]);
}
