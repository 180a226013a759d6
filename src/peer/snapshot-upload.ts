/**
 * Sends one snapshot to one peer, on a connection of its own: hello and message, then the state in chunks as fast as the peer
 * takes them, then the checksum of it all. The peer's answer says that it has the whole of it.
 *
 *     -> hello, installSnapshot      <- (FailedPrecondition, ResourceExhausted: not wanted; at any time)
 *     -> data -> data -> data
 *     -> crc, last                   <- SnapshotAck
 */

import type { Client, ClientWritableStream } from '@grpc/grpc-js';
import { assert, type Bytes, type Clock, crc32c, type Timer } from '../base/index.ts';
import { encodeSnapshotChunk, type PeerHello } from '../codec/index.ts';
import type { MessageOf } from '../raft/index.ts';
import { asBuffer, asBytes, type OpenChannel } from './channel.ts';
import { SNAPSHOT_METHOD } from './hello.ts';
import { Interruption } from './interruption.ts';
import { SNAPSHOT_INSTALL_MS_MAX, SNAPSHOT_STALLED_MS_MAX } from './limits.ts';
import { SNAPSHOT_CHUNK_BYTES_MAX } from './transport.ts';

export interface SnapshotUploadOptions {
  readonly url: string;
  readonly openChannel: OpenChannel;
  readonly hello: PeerHello;
  readonly message: MessageOf<'installSnapshot'>;
  readonly clock: Clock;
  /** Hears of each frame. */
  readonly sent: (bytes: number) => void;
}

export class SnapshotUpload {
  readonly #options: SnapshotUploadOptions;
  readonly #channel: Client;
  readonly #call: ClientWritableStream<Bytes>;
  readonly #interruption = new Interruption();
  #isAllSent = false;
  #answered: (() => void) | undefined;
  #stalled: Timer | undefined;

  /** Throws a TypeError if the URL is none. */
  constructor(options: SnapshotUploadOptions) {
    this.#options = options;
    this.#channel = options.openChannel(options.url);
    this.#call = this.#channel.makeClientStreamRequest(SNAPSHOT_METHOD, asBuffer, asBytes, (error) => {
      if (error !== null) this.#interruption.interrupt(new Error(error.details || error.message, { cause: error }));
      else if (this.#isAllSent) this.#answered?.();
      else this.cut('the peer has answered before it had all of the snapshot');
    });
    // What goes wrong is told by the answer; a write that was still under way must not raise it a second time.
    this.#call.on('error', () => {});
  }

  /** Resolves when the peer has said that it has all. Rejects if it has not, or if `cut` was called. Called once. */
  async run(chunks: AsyncIterable<Bytes>): Promise<void> {
    const { hello, message } = this.#options;
    const answer = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    const iterator = chunks[Symbol.asyncIterator]();
    let crc = 0;
    try {
      await this.#write(encodeSnapshotChunk({ hello, message }));
      for (;;) {
        const next = await this.#interruption.unless(iterator.next());
        if (next.done === true) break;
        const data = next.value;
        assert(data.length <= SNAPSHOT_CHUNK_BYTES_MAX, `a chunk of ${data.length} bytes`);
        crc = crc32c(data, crc);
        await this.#write(encodeSnapshotChunk({ data }));
      }
      this.#isAllSent = true;
      await this.#write(encodeSnapshotChunk({ crc, last: true }));
      this.#call.end();
      this.#allow(SNAPSHOT_INSTALL_MS_MAX);
      await this.#interruption.unless(answer);
    } finally {
      this.#stalled?.cancel();
      this.#call.cancel();
      this.#channel.close();
      // Not awaited: a source that hangs must not hang us.
      void iterator.return?.().then(undefined, () => {});
    }
  }

  /** Breaks it off. */
  cut(why: string): void {
    this.#interruption.interrupt(new Error(why));
  }

  /** Resolves when flow control has let the chunk pass. */
  async #write(chunk: Bytes): Promise<void> {
    this.#allow(SNAPSHOT_STALLED_MS_MAX);
    await this.#interruption.unless(new Promise<void>((resolve) => this.#call.write(chunk, () => resolve())));
    this.#options.sent(chunk.length);
  }

  /** The next step may take so long. */
  #allow(ms: number): void {
    this.#stalled?.cancel();
    this.#stalled = this.#options.clock.after(ms, () => this.cut(`no progress for ${ms} ms`));
  }
}
