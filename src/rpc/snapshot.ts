/**
 * Maintenance.Snapshot: the whole store as a file that `etcdctl snapshot save` accepts. Such a file is whole pages of 512 bytes and the SHA-256 of
 * them; the snapshot's own format says where it ends, so zeros fill the last page.
 *
 *     [ snapshot ............ zeros ][ SHA-256, 32 bytes ]
 *       pages of 512 bytes            a message of its own
 */

import { createHash } from 'node:crypto';
import { type Bytes, SERVER_VERSION } from '../base/index.ts';
import { etcdserverpb as pb } from '../gen/etcd.js';
import type { Member } from '../node/index.ts';
import type { CallContext, Method, SendStream } from '../wire/index.ts';
import { headerOf } from './header.ts';
import { encodeMessage, headerFields } from './message.ts';

const PAGE_BYTES = 512;
/** etcd's size of a piece. */
const BLOB_BYTES_MAX = 32 * 1024;

export function snapshotMethod(member: Member): Method {
  return { kind: 'serverStream', handler: (_request, stream, call) => sendSnapshot(member, stream, call) };
}

async function sendSnapshot(member: Member, stream: SendStream, call: CallContext): Promise<void> {
  const snapshot = await member.snapshot();
  try {
    const sender = new BlobSender(member, stream, call, snapshot.sizeBytesEstimate);
    for await (const chunk of snapshot.chunks) {
      for (let at = 0; at < chunk.length; at += BLOB_BYTES_MAX)
        await sender.send(chunk.subarray(at, at + BLOB_BYTES_MAX));
      if (call.cancelled) return;
    }
    await sender.finish();
    stream.end();
  } finally {
    snapshot.close();
  }
}

class BlobSender {
  readonly #member: Member;
  readonly #stream: SendStream;
  readonly #hash = createHash('sha256');
  readonly #estimateBytes: number;
  #sentBytes = 0;
  /** Called when the stream takes more, or nobody waits for it any more. */
  #go: () => void = () => undefined;

  constructor(member: Member, stream: SendStream, call: CallContext, estimateBytes: number) {
    this.#member = member;
    this.#stream = stream;
    this.#estimateBytes = estimateBytes;
    stream.onWritable(() => this.#go());
    call.onCancelled(() => this.#go());
  }

  async send(blob: Bytes): Promise<void> {
    this.#hash.update(blob);
    this.#sentBytes += blob.length;
    await this.#write(blob);
  }

  async finish(): Promise<void> {
    const padding = (PAGE_BYTES - (this.#sentBytes % PAGE_BYTES)) % PAGE_BYTES;
    if (padding > 0) await this.send(new Uint8Array(padding));
    await this.#write(this.#hash.digest());
  }

  async #write(blob: Bytes): Promise<void> {
    const message = encodeMessage(pb.SnapshotResponse, {
      header: headerFields(headerOf(this.#member)),
      // What the snapshot takes is known only when it has been read.
      remaining_bytes: Math.max(0, this.#estimateBytes - this.#sentBytes),
      blob,
      version: SERVER_VERSION,
    });
    if (this.#stream.write(message)) return;
    await new Promise<void>((resolve) => {
      this.#go = resolve;
    });
  }
}
