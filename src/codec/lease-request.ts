/** The requests of leases that go through the log, as plain data; and keepalives, of which there are many. */

import type { Bytes } from '../base/index.ts';
import type { Checkpoint } from '../lease/index.ts';
import { ProtoReader } from './proto-reader.ts';
import { joined, ProtoWriter } from './proto-writer.ts';
import { type ResponseHeader, writeHeader } from './response-header.ts';

export interface LeaseGrantOperation {
  readonly kind: 'leaseGrant';
  /** 0n: whoever proposes it chooses one. */
  readonly id: bigint;
  /** Seconds. */
  readonly ttl: number;
}

export interface LeaseRevokeOperation {
  readonly kind: 'leaseRevoke';
  readonly id: bigint;
  /** Only the lease that this entry granted, and not another one of the same id; undefined: whichever there is. */
  readonly grantedAt?: number | undefined;
}

export interface LeaseCheckpointOperation {
  readonly kind: 'leaseCheckpoint';
  readonly checkpoints: readonly Checkpoint[];
}

/** etcdserverpb.LeaseGrantRequest { TTL = 1, ID = 2 }. Throws ProtocolError, as all of these do. */
export function decodeLeaseGrant(bytes: Bytes): LeaseGrantOperation {
  let id = 0n;
  let ttl = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) ttl = reader.number();
    else if (reader.field === 2) id = reader.bigint();
    else reader.skip();
  }
  return { kind: 'leaseGrant', id, ttl };
}

export function encodeLeaseGrant({ id, ttl }: LeaseGrantOperation): Bytes {
  const writer = new ProtoWriter();
  writer.bigintField(2, id);
  writer.numberField(1, ttl);
  return joined(writer.finish());
}

/** Ours, and etcd's to pass over: only in what the leader proposes. */
const GRANTED_AT_FIELD = 101;

/** etcdserverpb.LeaseRevokeRequest { ID = 1 } */
export function decodeLeaseRevoke(bytes: Bytes): LeaseRevokeOperation {
  let id = 0n;
  let grantedAt: number | undefined;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.bigint();
    else if (reader.field === GRANTED_AT_FIELD) grantedAt = reader.number();
    else reader.skip();
  }
  return grantedAt === undefined ? { kind: 'leaseRevoke', id } : { kind: 'leaseRevoke', id, grantedAt };
}

export function encodeLeaseRevoke({ id, grantedAt = 0 }: LeaseRevokeOperation): Bytes {
  const writer = new ProtoWriter();
  writer.numberField(GRANTED_AT_FIELD, grantedAt);
  writer.bigintField(1, id);
  return joined(writer.finish());
}

/** etcdserverpb.LeaseKeepAliveRequest { ID = 1 }: the id. */
export function decodeLeaseKeepAlive(bytes: Bytes): bigint {
  return decodeLeaseRevoke(bytes).id;
}

export function encodeLeaseKeepAlive(id: bigint): Bytes {
  return encodeLeaseRevoke({ kind: 'leaseRevoke', id });
}

/** etcdserverpb.LeaseKeepAliveResponse { header = 1, ID = 2, TTL = 3 }; seconds, 0 for a lease that is gone. */
export function encodeLeaseKeepAliveResponse(header: ResponseHeader, id: bigint, ttl: number): Bytes {
  const writer = new ProtoWriter();
  writer.numberField(3, ttl);
  writer.bigintField(2, id);
  writeHeader(writer, header);
  return joined(writer.finish());
}

/** etcdserverpb.LeaseCheckpointRequest { checkpoints = 1 { ID = 1, remaining_TTL = 2 } } */
export function decodeLeaseCheckpoint(bytes: Bytes): LeaseCheckpointOperation {
  const checkpoints: Checkpoint[] = [];
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) checkpoints.push(readCheckpoint(reader.bytes()));
    else reader.skip();
  }
  return { kind: 'leaseCheckpoint', checkpoints };
}

export function encodeLeaseCheckpoint({ checkpoints }: LeaseCheckpointOperation): Bytes {
  const writer = new ProtoWriter();
  for (const { id, remainingTtl } of checkpoints.toReversed()) {
    const end = writer.length;
    writer.numberField(2, remainingTtl);
    writer.bigintField(1, id);
    writer.messageField(1, end);
  }
  return joined(writer.finish());
}

function readCheckpoint(bytes: Bytes): Checkpoint {
  let id = 0n;
  let remainingTtl = 0;
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) id = reader.bigint();
    else if (reader.field === 2) remainingTtl = reader.number();
    else reader.skip();
  }
  return { id, remainingTtl };
}
