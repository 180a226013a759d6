/** v3electionpb.Election: the head of the line under a name leads, and its value is what it has to say. */

import { type Bytes, EMPTY_BYTES, equalBytes, keyOf, RequestError } from '../../base/index.ts';
import { v3electionpb as pb } from '../../gen/etcd.js';
import type { Member } from '../../node/index.ts';
import type { CallContext, Message, Method, SendStream } from '../../wire/index.ts';
import { headerOf } from '../header.ts';
import { decodeMessage, encodeMessage, headerFields, int64Of } from '../message.ts';
import { Writable } from '../writable.ts';
import { Line, type Place, type RecipeOptions } from './line.ts';
import { latin1 } from './neighbours.ts';

export function electionMethods(member: Member, options: RecipeOptions): readonly (readonly [string, Method])[] {
  const election = new ElectionService(member, options);
  const unary = (
    name: string,
    handler: (request: Bytes, call: CallContext) => Promise<Message>,
  ): readonly [string, Method] => [`/v3electionpb.Election/${name}`, { kind: 'unary', handler }];
  return [
    unary('Campaign', (request, call) => election.campaign(request, call)),
    unary('Proclaim', (request, call) => election.proclaim(request, call)),
    unary('Leader', (request, call) => election.leader(request, call)),
    unary('Resign', (request, call) => election.resign(request, call)),
    [
      '/v3electionpb.Election/Observe',
      { kind: 'serverStream', handler: (request, stream, call) => election.observe(request, stream, call) },
    ],
  ];
}

class ElectionService {
  readonly #member: Member;
  readonly #options: RecipeOptions;

  constructor(member: Member, options: RecipeOptions) {
    this.#member = member;
    this.#options = options;
  }

  /** Answers when the candidate leads. One that stands already says its new value at once. */
  async campaign(request: Bytes, call: CallContext): Promise<Message> {
    const { name, lease, value } = decodeMessage(pb.CampaignRequest, request);
    const line = this.#line(name, call);
    const wanted = value ?? EMPTY_BYTES;
    const place = await line.enter(int64Of(lease), wanted);
    try {
      if (place.found !== undefined && !equalBytes(place.found.value, wanted)) await line.put(place, wanted);
      await line.turn(place);
      const { key, createRevision, lease: session, revision } = place;
      return encodeMessage(pb.CampaignResponse, {
        // As of the candidacy, not of the victory: so it is with etcd.
        header: this.#header(revision),
        leader: { name: name ?? EMPTY_BYTES, key: latin1(key), rev: createRevision, lease: session },
      });
    } catch (error) {
      // Nobody would know of a candidate that came to lead after its caller has gone.
      if (!(error instanceof RequestError && error.code === 'sessionExpired')) await line.leave(place);
      throw error;
    }
  }

  /** A new value of the leader, if it still leads. */
  async proclaim(request: Bytes, call: CallContext): Promise<Message> {
    const { leader, value } = decodeMessage(pb.ProclaimRequest, request);
    const revision = await this.#line(leader?.name, call).put(placeOf(leader), value ?? EMPTY_BYTES);
    if (revision === undefined) throw new RequestError('electionNotLeader');
    return encodeMessage(pb.ProclaimResponse, { header: this.#header(revision) });
  }

  async leader(request: Bytes, call: CallContext): Promise<Message> {
    const { name } = decodeMessage(pb.LeaderRequest, request);
    const { pair, revision } = await this.#line(name, call).head();
    if (pair === undefined) throw new RequestError('electionNoLeader');
    return encodeMessage(pb.LeaderResponse, { header: this.#header(revision), kv: pair.message });
  }

  /** Every leader from now on, and what it says: the newest, not each in between. */
  async observe(request: Bytes, stream: SendStream, call: CallContext): Promise<void> {
    const { name } = decodeMessage(pb.LeaderRequest, request);
    const writable = new Writable(stream, call);
    try {
      await this.#line(name, call).follow((pair, revision) =>
        writable.write(encodeMessage(pb.LeaderResponse, { header: this.#header(revision), kv: pair.message })),
      );
    } catch (error) {
      if (!call.cancelled) throw error;
    }
  }

  /** Leads no more; that it did not is no error. */
  async resign(request: Bytes, call: CallContext): Promise<Message> {
    const { leader } = decodeMessage(pb.ResignRequest, request);
    const revision = await this.#line(leader?.name, call).leave(placeOf(leader));
    return encodeMessage(pb.ResignResponse, { header: this.#header(revision) });
  }

  #line(name: Bytes | null | undefined, call: CallContext): Line {
    return new Line(keyOf(name ?? EMPTY_BYTES), this.#options, call);
  }

  #header(revision: number): Readonly<Record<string, unknown>> {
    return headerFields(headerOf(this.#member, revision));
  }
}

/** Throws RequestError leaderKeyMissing. */
function placeOf(leader: pb.ILeaderKey | null | undefined): Place {
  if (leader === null || leader === undefined) throw new RequestError('leaderKeyMissing');
  const { key, rev, lease } = leader;
  return { key: keyOf(key ?? EMPTY_BYTES), createRevision: Number(rev ?? 0), lease: int64Of(lease) };
}
