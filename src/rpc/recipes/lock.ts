/**
 * v3lockpb.Lock: the head of the line under a name holds the lock. The lock is a key; whoever wants to be sure that the lock is
 * still held when something is written compares that key's existence in the same transaction.
 */

import { type Bytes, EMPTY_BYTES, keyOf, RequestError } from '../../base/index.ts';
import { v3lockpb as pb } from '../../gen/etcd.js';
import type { Member } from '../../node/index.ts';
import type { CallContext, Message, Method } from '../../wire/index.ts';
import { headerOf } from '../header.ts';
import { decodeMessage, encodeMessage, headerFields, int64Of } from '../message.ts';
import { Line, type RecipeOptions } from './line.ts';
import { latin1, Neighbours } from './neighbours.ts';

export function lockMethods(member: Member, options: RecipeOptions): readonly (readonly [string, Method])[] {
  return [
    ['/v3lockpb.Lock/Lock', { kind: 'unary', handler: (request, call) => lock(member, options, request, call) }],
    ['/v3lockpb.Lock/Unlock', { kind: 'unary', handler: (request, call) => unlock(member, options, request, call) }],
  ];
}

async function lock(member: Member, options: RecipeOptions, request: Bytes, call: CallContext): Promise<Message> {
  const { name, lease } = decodeMessage(pb.LockRequest, request);
  const line = new Line(keyOf(name ?? EMPTY_BYTES), options, call);
  const place = await line.enter(int64Of(lease), EMPTY_BYTES);
  try {
    const revision = await line.turn(place);
    return encodeMessage(pb.LockResponse, {
      header: headerFields(headerOf(member, revision)),
      key: latin1(place.key),
    });
  } catch (error) {
    // Nobody would know of a lock that the key came to hold after its caller has gone.
    if (!(error instanceof RequestError && error.code === 'sessionExpired')) await line.leave(place);
    throw error;
  }
}

async function unlock(member: Member, options: RecipeOptions, request: Bytes, call: CallContext): Promise<Message> {
  const { key } = decodeMessage(pb.UnlockRequest, request);
  const revision = await new Neighbours(options.methods, call).delete(keyOf(key ?? EMPTY_BYTES));
  return encodeMessage(pb.UnlockResponse, { header: headerFields(headerOf(member, revision)) });
}
