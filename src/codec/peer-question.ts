/**
 * What one member asks another, and what it hears: PeerQuestion and PeerAnswer of proto/peer.proto. They are about leases, which only the
 * leader keeps the time of.
 *
 *     renew 7, 8, 9            ->  7: 60 s   8: 0, gone   9: 10 s
 *     time of 7, with keys     ->  21 s of 60, a b
 *     either                   ->  not the leader (any more)
 */

import type { Bytes, Key } from '../base/index.ts';
import { bytesOf, keyOf } from '../base/index.ts';
import { type PeerHello, readHello, writeHello } from './peer-frame.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';

export type PeerQuestion =
  | { readonly kind: 'renewLeases'; readonly ids: readonly bigint[] }
  | { readonly kind: 'leaseTime'; readonly id: bigint; readonly withKeys: boolean };

/** What is left of a lease, in whole seconds; -1 for one that does not exist. */
export interface LeaseTime {
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly Key[];
}

export type PeerAnswer =
  /** TTLs in the order of the question, 0 for a lease that is gone. */
  | { readonly kind: 'renewedLeases'; readonly ttls: readonly number[] }
  | { readonly kind: 'leaseTime'; readonly time: LeaseTime }
  /** The member that was asked is not the leader, or not yet; or it does not understand. */
  | { readonly kind: 'refused' };

const REFUSED: PeerAnswer = { kind: 'refused' };

/** The question, and who asks whom. */
export interface AddressedQuestion {
  readonly hello: PeerHello | undefined;
  readonly question: Bytes;
}

export function encodeAddressedQuestion({ hello, question }: AddressedQuestion): Bytes {
  const writer = new ProtoWriter();
  writer.bytesField(2, question);
  if (hello !== undefined) writeHello(writer, hello);
  return joined(writer.finish());
}

/** Throws ProtocolError, as all that read do. */
export function decodeAddressedQuestion(bytes: Bytes): AddressedQuestion {
  let hello: PeerHello | undefined;
  let question = bytes.subarray(0, 0);
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) hello = readHello(reader.bytes());
    else if (reader.field === 2) question = reader.bytes();
    else reader.skip();
  }
  return { hello, question };
}

export function encodePeerQuestion(question: PeerQuestion): Bytes {
  const writer = new ProtoWriter();
  const end = writer.length;
  if (question.kind === 'renewLeases') {
    // Each a message of its own: a bare id of 0 would be left out, and the answer is in the order of the question.
    for (const id of question.ids.toReversed()) {
      const idEnd = writer.length;
      writer.bigintField(1, id);
      writer.messageField(1, idEnd);
    }
    writer.messageField(1, end);
  } else {
    writer.boolField(2, question.withKeys);
    writer.bigintField(1, question.id);
    writer.messageField(2, end);
  }
  return joined(writer.finish());
}

/** Undefined: a question of a newer version. */
export function decodePeerQuestion(bytes: Bytes): PeerQuestion | undefined {
  let question: PeerQuestion | undefined;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) question = readRenewal(reader.bytes());
    else if (reader.field === 2) question = readTimeQuestion(reader.bytes());
    else reader.skip();
  }
  return question;
}

function readRenewal(bytes: Bytes): PeerQuestion {
  const ids: bigint[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) ids.push(readLeaseId(reader.bytes()));
    else reader.skip();
  }
  return { kind: 'renewLeases', ids };
}

function readLeaseId(bytes: Bytes): bigint {
  let id = 0n;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.bigint();
    else reader.skip();
  }
  return id;
}

function readTimeQuestion(bytes: Bytes): PeerQuestion {
  let id = 0n;
  let withKeys = false;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.bigint();
    else if (reader.field === 2) withKeys = reader.bool();
    else reader.skip();
  }
  return { kind: 'leaseTime', id, withKeys };
}

export function encodePeerAnswer(answer: PeerAnswer): Bytes {
  const writer = new ProtoWriter();
  const end = writer.length;
  if (answer.kind === 'renewedLeases') {
    // One more than the TTL: a zero would be left out.
    for (const ttl of answer.ttls.toReversed()) writer.numberField(1, ttl + 1);
    writer.messageField(1, end);
  } else if (answer.kind === 'leaseTime') {
    const { ttl, grantedTtl, keys } = answer.time;
    for (const key of keys.toReversed()) writer.bytesField(3, bytesOf(key));
    writer.numberField(2, grantedTtl);
    writer.numberField(1, ttl);
    writer.messageField(2, end);
  }
  return joined(writer.finish());
}

export function decodePeerAnswer(bytes: Bytes): PeerAnswer {
  let answer: PeerAnswer = REFUSED;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) answer = { kind: 'renewedLeases', ttls: readTtls(reader.bytes()) };
    else if (reader.field === 2) answer = { kind: 'leaseTime', time: readTime(reader.bytes()) };
    else reader.skip();
  }
  return answer;
}

function readTtls(bytes: Bytes): readonly number[] {
  const ttls: number[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) ttls.push(reader.number() - 1);
    else reader.skip();
  }
  return ttls;
}

function readTime(bytes: Bytes): LeaseTime {
  let ttl = 0;
  let grantedTtl = 0;
  const keys: Key[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) ttl = reader.number();
    else if (reader.field === 2) grantedTtl = reader.number();
    else if (reader.field === 3) keys.push(keyOf(reader.bytes()));
    else reader.skip();
  }
  return { ttl, grantedTtl, keys };
}
