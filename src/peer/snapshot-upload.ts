/**
 * Sends one snapshot to one peer, on a connection of its own: hello and message, then the state in chunks as fast as the peer
 * takes them, then the checksum of it all. The peer's answer says that it has the whole of it.
 *
 *     -> hello, installSnapshot      <- (FailedPrecondition, ResourceExhausted: not wanted; at any time)
 *     -> data -> data -> data
 *     -> crc, last                   <- SnapshotAck
 */

import type { ClientWritableStream } from '@grpc/grpc-js';
import { assert, type Bytes, type Clock, crc32c, type Timer } from '../base/index.ts';
import { encodeSnapshotChunk, type PeerHello } from '../codec/index.ts';
import type { MessageOf } from '../raft/index.ts';
import { asBuffer, asBytes, openChannel } from './channel.ts';
import { SNAPSHOT_METHOD } from './hello.ts';
import { SNAPSHOT_INSTALL_MS_MAX, SNAPSHOT_STALLED_MS_MAX } from './limits.ts';
import { SNAPSHOT_CHUNK_BYTES_MAX } from './transport.ts';

export interface SnapshotUploadOptions {
  readonly url: string;
  readonly hello: PeerHello;
  readonly message: MessageOf<'installSnapshot'>;
  readonly clock: Clock;
  /** Hears of each frame. */
  readonly sent: (bytes: number) => void;
}

export class SnapshotUpload {
  readonly #options: SnapshotUploadOptions;
  readonly #call: ClientWritableStream<Bytes>;
  readonly #closeChannel: () => void;
  /** How it ended: undefined while it goes on. */
  #end: { readonly error: Error | undefined } | undefined;
  /** Whoever waits for anything is told when all is over. */
  #waiting: ((error: Error | undefined) => void) | undefined;
  #stalled: Timer | undefined;

  /** Throws a TypeError if the URL is none. */
  constructor(options: SnapshotUploadOptions) {
    this.#options = options;
    const client = openChannel(options.url);
    this.#closeChannel = () => client.close();
    this.#call = client.makeClientStreamRequest(SNAPSHOT_METHOD, asBuffer, asBytes, (error) =>
      this.#over(error === null ? undefined : new Error(error.details || error.message, { cause: error })),
    );
    // What goes wrong is told by the answer; a write that was still under way must not raise it a second time.
    this.#call.on('error', () => {});
    this.#allow(SNAPSHOT_STALLED_MS_MAX);
  }

  /** Resolves when the peer has said that it has all. Rejects if it has not, or `cut` was called. Called once. */
  async run(chunks: AsyncIterable<Bytes>): Promise<void> {
    const { hello, message } = this.#options;
    const iterator = chunks[Symbol.asyncIterator]();
    let crc = 0;
    try {
      await this.#write(encodeSnapshotChunk({ hello, message }));
      for (;;) {
        const next = await this.#unlessOver(iterator.next());
        if (next.done === true) break;
        const data = next.value;
        assert(data.length <= SNAPSHOT_CHUNK_BYTES_MAX, `a chunk of ${data.length} bytes`);
        crc = crc32c(data, crc);
        await this.#write(encodeSnapshotChunk({ data }));
      }
      await this.#write(encodeSnapshotChunk({ crc, last: true }));
      this.#allow(SNAPSHOT_INSTALL_MS_MAX);
      this.#call.end();
      await this.#answer();
    } finally {
      // Not awaited: a source that hangs must not hang us.
      void iterator.return?.().then(undefined, () => {});
      this.cut('the sending of the snapshot has ended');
    }
  }

  /** Breaks it off. Does nothing once it is over. */
  cut(why: string): void {
    this.#over(new Error(why));
  }

  #over(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#stalled?.cancel();
    this.#call.cancel();
    this.#closeChannel();
    this.#waiting?.(error);
  }

  #allow(ms: number): void {
    this.#stalled?.cancel();
    this.#stalled = this.#options.clock.after(ms, () => this.cut(`no progress for ${ms} ms`));
  }

  /** Resolves when flow control has let the chunk pass. */
  async #write(chunk: Bytes): Promise<void> {
    const passed = new Promise<void>((resolve) => this.#call.write(chunk, () => resolve()));
    await this.#unlessOver(passed);
    this.#options.sent(chunk.length);
    this.#allow(SNAPSHOT_STALLED_MS_MAX);
  }

  /** As `promise`, but rejects as soon as the call is over: before the last chunk, no end is a good one. */
  #unlessOver<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error | undefined): void =>
        reject(error ?? new Error('the peer has answered before it had all of the snapshot'));
      if (this.#end !== undefined) fail(this.#end.error);
      this.#waiting = fail;
      promise.then(resolve, reject);
    });
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | undefined): void => (error === undefined ? resolve() : reject(error));
      if (this.#end !== undefined) settle(this.#end.error);
      else this.#waiting = settle;
    });
  }
}
