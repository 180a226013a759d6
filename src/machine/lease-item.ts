/**
 * A lease on disk: an item of its own, so that granting or revoking one writes no other.
 *
 *     lease/694d5b7c2a3f1e08     TTL and what was left of it when it was last written down, in seconds; the entry that granted it
 */

import { assert, type Bytes } from '../base/index.ts';
import type { Lease } from '../lease/index.ts';

/** What the backend calls them. */
export const LEASE_ITEMS = 'lease';

const NAME_DIGITS = 16;
/** Three floating point numbers, big endian: exact for whole numbers of 53 bits. */
const LEASE_BYTES = 24;
/** Earlier builds did not write down which entry granted it. */
const LEASE_BYTES_BEFORE = 16;

/** The id, as etcd's tools print it but of equal length. */
export function leaseName(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(NAME_DIGITS, '0');
}

export function encodeLease({ ttl, remainingTtl, grantedAt }: Lease): Bytes {
  const bytes = new Uint8Array(LEASE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, ttl);
  view.setFloat64(8, remainingTtl);
  view.setFloat64(16, grantedAt);
  return bytes;
}

export function decodeLease(name: string, bytes: Bytes): Lease {
  const isWhole = bytes.length === LEASE_BYTES;
  assert(
    name.length === NAME_DIGITS && (isWhole || bytes.length === LEASE_BYTES_BEFORE),
    `no lease: ${name}, ${bytes.length} bytes`,
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    id: BigInt.asIntN(64, BigInt(`0x${name}`)),
    ttl: view.getFloat64(0),
    remainingTtl: view.getFloat64(8),
    grantedAt: isWhole ? view.getFloat64(16) : 0,
  };
}
