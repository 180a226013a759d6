/**
 * mvccpb.KeyValue, encoded once.
 *
 * A pair is encoded when it is written, and from then on these bytes are what is stored, what a range returns and what an
 * event carries. Nothing on the way decodes them, except for the few fields that a sort, a filter or a comparison needs.
 */

import { assert, type Bytes, type Key, keyOf } from '../base/index.ts';

export interface KeyValue {
  readonly key: Key;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Bytes;
  /** 0n for none. */
  readonly lease: bigint;
}

// Field numbers of mvccpb.KeyValue, shifted by the wire type: proto/kv.proto.
const KEY = (1 << 3) | 2;
const CREATE_REVISION = 2 << 3;
const MOD_REVISION = 3 << 3;
const VERSION = 4 << 3;
const VALUE = (5 << 3) | 2;
const LEASE = 6 << 3;

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function bigVarintSize(value: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, value); rest >= 0x80n; rest >>= 7n) size++;
  return size;
}

function writeVarint(to: Bytes, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 0x80) {
    to[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  to[position++] = rest;
  return position;
}

function writeBigVarint(to: Bytes, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  let position = at;
  while (rest >= 0x80n) {
    to[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  to[position++] = Number(rest);
  return position;
}

/** Memory of its own for each pair would cost more than all of its encoding: small ones share it. Whoever keeps one keeps a slab. */
const SLAB_BYTES = 16 * 1024;
const SHARED_BYTES_MAX = 1024;
let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

function memory(bytes: number): Bytes {
  if (bytes > SHARED_BYTES_MAX) return new Uint8Array(bytes);
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += bytes;
  return new Uint8Array(slab, slabUsed - bytes, bytes);
}

/** The bytes of a KeyValue: fields in order, zeros and empties left out, as every proto3 encoder writes it. */
export function encodeKeyValue(kv: KeyValue): Bytes {
  const { key, createRevision, modRevision, version, value, lease } = kv;
  let size = 0;
  if (key.length > 0) size += 1 + varintSize(key.length) + key.length;
  if (createRevision > 0) size += 1 + varintSize(createRevision);
  if (modRevision > 0) size += 1 + varintSize(modRevision);
  if (version > 0) size += 1 + varintSize(version);
  if (value.length > 0) size += 1 + varintSize(value.length) + value.length;
  if (lease !== 0n) size += 1 + bigVarintSize(lease);

  const bytes = memory(size);
  let at = 0;
  if (key.length > 0) {
    bytes[at++] = KEY;
    at = writeVarint(bytes, at, key.length);
    for (let i = 0; i < key.length; i++) bytes[at++] = key.charCodeAt(i);
  }
  if (createRevision > 0) {
    bytes[at++] = CREATE_REVISION;
    at = writeVarint(bytes, at, createRevision);
  }
  if (modRevision > 0) {
    bytes[at++] = MOD_REVISION;
    at = writeVarint(bytes, at, modRevision);
  }
  if (version > 0) {
    bytes[at++] = VERSION;
    at = writeVarint(bytes, at, version);
  }
  if (value.length > 0) {
    bytes[at++] = VALUE;
    at = writeVarint(bytes, at, value.length);
    bytes.set(value, at);
    at += value.length;
  }
  if (lease !== 0n) {
    bytes[at++] = LEASE;
    at = writeBigVarint(bytes, at, lease);
  }
  return bytes;
}

/** The fields of an encoded KeyValue. `value` is a view of `bytes`. Only for bytes that we encoded: anything else is a broken invariant. */
export function decodeKeyValue(bytes: Bytes): KeyValue {
  let key = '';
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let value: Bytes = bytes.subarray(0, 0);
  let lease = 0n;
  let at = 0;

  const varint = (): number => {
    let result = 0;
    let scale = 1;
    for (;;) {
      assert(at < bytes.length, 'a KeyValue ends within a number');
      const byte = bytes[at++] as number;
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
      scale *= 0x80;
    }
  };
  const bigVarint = (): bigint => {
    let result = 0n;
    for (let shift = 0n; ; shift += 7n) {
      assert(at < bytes.length, 'a KeyValue ends within a number');
      const byte = bytes[at++] as number;
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, result);
    }
  };
  const view = (): Bytes => {
    const length = varint();
    assert(at + length <= bytes.length, 'a KeyValue ends within a field');
    at += length;
    return bytes.subarray(at - length, at);
  };

  while (at < bytes.length) {
    const tag = bytes[at++] as number;
    if (tag === KEY) key = keyOf(view());
    else if (tag === CREATE_REVISION) createRevision = varint();
    else if (tag === MOD_REVISION) modRevision = varint();
    else if (tag === VERSION) version = varint();
    else if (tag === VALUE) value = view();
    else if (tag === LEASE) lease = bigVarint();
    else assert(false, `a KeyValue with an unknown field tag ${tag}`);
  }
  return { key, createRevision, modRevision, version, value, lease };
}
