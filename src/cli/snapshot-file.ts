/**
 * A saved snapshot: whole pages of 512 bytes, and the SHA-256 of them behind (rpc/snapshot.ts). Read in pieces: it may be larger than memory.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Bytes } from '../base/index.ts';

const PAGE_BYTES = 512;
const HASH_BYTES = 32;

export interface SnapshotFile {
  /** Of the snapshot and its padding. */
  readonly bytes: number;
  readonly hasHash: boolean;
  /** Without the hash. */
  chunks(): AsyncIterable<Bytes>;
  /** Reads all of it. Throws if the hash is missing or is another. */
  checkHash(): Promise<void>;
}

/** Rejects if there is no such file. */
export async function openSnapshotFile(path: string): Promise<SnapshotFile> {
  const { size } = await stat(path);
  const hasHash = size % PAGE_BYTES === HASH_BYTES;
  const bytes = hasHash ? size - HASH_BYTES : size;
  const chunks = (): AsyncIterable<Bytes> => createReadStream(path, { start: 0, end: Math.max(0, bytes - 1) });
  return {
    bytes,
    hasHash,
    chunks,
    async checkHash() {
      if (!hasHash) throw new Error('snapshot missing hash but --skip-hash-check=false');
      const hash = createHash('sha256');
      for await (const chunk of chunks()) hash.update(chunk);
      const found = hash.digest('hex');
      const wanted: Buffer[] = [];
      for await (const chunk of createReadStream(path, { start: bytes })) wanted.push(chunk as Buffer);
      const expected = Buffer.concat(wanted).toString('hex');
      if (found !== expected) throw new Error(`expected sha256 ${expected}, got ${found}`);
    },
  };
}
