/** One stream of frames from another member: hello, then messages. A frame that asks for it is acknowledged when its messages are handed over. */

import type { Bytes } from '../base/index.ts';
import { decodePeerFrame, encodePeerAck } from '../codec/index.ts';
import type { DuplexStream } from '../wire/index.ts';
import type { PeerObserver } from './observer.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { PeerReceiver } from './transport.ts';

export class IncomingMessages {
  readonly #stream: DuplexStream;
  readonly #guard: StreamGuard;
  readonly #receiver: PeerReceiver;
  readonly #observer: PeerObserver;

  constructor(stream: DuplexStream, guard: StreamGuard, receiver: PeerReceiver, observer: PeerObserver) {
    this.#stream = stream;
    this.#guard = guard;
    this.#receiver = receiver;
    this.#observer = observer;
    // Who does not take its acknowledgements is not listened to meanwhile.
    stream.onWritable(() => stream.resume());
  }

  frame(bytes: Bytes): void {
    const frame = this.#guard.read(decodePeerFrame, bytes);
    if (frame === undefined) return;
    if (this.#guard.from === undefined && !this.#guard.greet(frame.hello)) return;
    if (this.#guard.from !== undefined) this.#observer.received(this.#guard.from, bytes.length);
    for (const message of frame.messages) {
      if (!this.#guard.admits(message)) return;
      if (message.kind === 'installSnapshot') {
        this.#guard.fail('a snapshot without its state');
        return;
      }
      this.#receiver.receive(message);
    }
    if (!frame.quiet && !this.#stream.write(encodePeerAck(frame.number))) this.#stream.pause();
  }
}
