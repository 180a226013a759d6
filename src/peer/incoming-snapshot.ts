/** One snapshot from another member: hello and message, chunks for the receiver, and the answer once it has all of them. */

import { type Bytes, type Clock, EMPTY_BYTES, Status } from '../base/index.ts';
import { decodeSnapshotChunk, type SnapshotChunk } from '../codec/index.ts';
import type { MessageOf } from '../raft/index.ts';
import type { DuplexStream } from '../wire/index.ts';
import { IncomingChunks } from './incoming-chunks.ts';
import type { PeerObserver } from './observer.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { PeerReceiver } from './transport.ts';

export interface IncomingSnapshotOptions {
  readonly stream: DuplexStream;
  readonly guard: StreamGuard;
  readonly receiver: PeerReceiver;
  readonly clock: Clock;
  readonly observer: PeerObserver;
  /** There are as many snapshots under way as may be: this one is refused. */
  readonly isFull: boolean;
  /** Called when the receiver has let go of it or will never have it; perhaps more than once. */
  readonly ended: () => void;
}

export class IncomingSnapshot {
  readonly #options: IncomingSnapshotOptions;
  #chunks: IncomingChunks | undefined;

  constructor(options: IncomingSnapshotOptions) {
    this.#options = options;
  }

  chunk(bytes: Bytes): void {
    const { guard, observer } = this.#options;
    const chunk = guard.read(decodeSnapshotChunk, bytes);
    if (chunk === undefined || (this.#chunks === undefined && !this.#begin(chunk))) {
      this.brokenOff();
      return;
    }
    if (guard.from !== undefined) observer.received(guard.from, bytes.length);
    this.#chunks?.push(chunk.data);
    if (chunk.last) this.#chunks?.finish(chunk.crc);
  }

  /** Nothing more will come. */
  brokenOff(): void {
    if (this.#chunks === undefined) this.#options.ended();
    else this.#chunks.fail(new Error('the sender of the snapshot has broken off'));
  }

  /** Looks at the first chunk. False: the stream has been ended. */
  #begin({ hello, message }: SnapshotChunk): boolean {
    const { stream, guard, isFull, clock } = this.#options;
    if (!guard.greet(hello)) return false;
    if (message?.kind !== 'installSnapshot') {
      guard.fail('a snapshot without its message');
      return false;
    }
    if (!guard.admits(message)) return false;
    if (isFull) {
      stream.end({ code: Status.resourceExhausted, message: 'too many snapshots are being received' });
      return false;
    }
    this.#chunks = new IncomingChunks(stream, clock);
    void this.#receive(message, this.#chunks);
    return true;
  }

  /** Never rejects. */
  async #receive(message: MessageOf<'installSnapshot'>, chunks: IncomingChunks): Promise<void> {
    const { stream, receiver, clock, observer, ended } = this.#options;
    const startedAt = clock.now();
    let ok = false;
    observer.snapshotReceiveStarted(message.from);
    try {
      await receiver.receiveSnapshot(message, chunks);
      if (!chunks.taken) throw new Error('the snapshot was not read to its end');
      ok = true;
      stream.write(EMPTY_BYTES);
      stream.end();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      stream.end({ code: Status.aborted, message: text });
    }
    observer.snapshotReceiveEnded(message.from, ok, (clock.now() - startedAt) / 1000);
    chunks.fail(new Error('the snapshot is not being read any more'));
    ended();
  }
}
