/** The generated classes, for messages that are not worth code of their own: ids as bigints, malformed bytes as ProtocolError. */

import type { Bytes } from '../base/index.ts';
import { ProtocolError, type ResponseHeader } from '../codec/index.ts';

/** What the generated classes have in common. */
interface MessageClass<T> {
  decode(bytes: Bytes): T;
  fromObject(fields: Readonly<Record<string, unknown>>): T;
  encode(message: T): { finish(): Bytes };
}

/** Fields that are missing or undefined are left out. Integers of 64 bits may be numbers or bigints. */
export function encodeMessage<T>(messageClass: MessageClass<T>, fields: Readonly<Record<string, unknown>>): Bytes {
  return messageClass.encode(messageClass.fromObject(fields)).finish();
}

/** Throws ProtocolError for bytes that are no such message. */
export function decodeMessage<T>(messageClass: MessageClass<T>, bytes: Bytes): T {
  try {
    return messageClass.decode(bytes);
  } catch (cause) {
    throw new ProtocolError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The header in the words of the generated classes. */
export function headerFields(header: ResponseHeader): Readonly<Record<string, unknown>> {
  return {
    cluster_id: header.clusterId,
    member_id: header.memberId,
    revision: header.revision,
    raft_term: header.term,
  };
}

/** A 64-bit id as the generated classes give it: a number, or an object that prints as decimal digits. Missing: 0n. */
export function uint64Of(value: { toString(): string } | null | undefined): bigint {
  return BigInt.asUintN(64, BigInt((value ?? 0).toString()));
}

/** An int64 as the generated classes give it. Missing: 0n. */
export function int64Of(value: { toString(): string } | null | undefined): bigint {
  return BigInt((value ?? 0).toString());
}
