/**
 * Moves the bytes of one direction of a connection from the socket they come from to the socket they go to, as their link
 * allows. What is under way waits in a queue of bounded size; when it is full the source is not read, which its sender feels.
 *
 *     source --data--> [ due 10.2 | due 10.3 | end, due 10.3 ] --write--> sink
 *
 * Whoever makes a pipe lets it listen to its link; it stops listening by itself.
 * The end of the source, and its sudden death, travel in the same queue: while the link is cut nobody hears of them.
 */

import type { Socket } from 'node:net';
import type { Link, LinkListener } from './link.ts';

interface Item {
  /** Bytes of the source, its end, or that its socket is gone. */
  readonly what: Buffer | 'end' | 'gone';
  readonly dueAt: number;
}

/** What may be under way, bytes: about what two kernels' buffers hold. */
const QUEUE_BYTES_MAX = 256 * 1024;
/** A slow link gives its bytes in so many portions a second. */
const PORTIONS_PER_SECOND = 20;

export class Pipe implements LinkListener {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #link: Link;
  #queue: Item[] = [];
  #queueBytes = 0;
  /** When a slow link is free again. */
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #sinkFull = false;

  constructor(source: Socket, sink: Socket, link: Link) {
    this.#source = source;
    this.#sink = sink;
    this.#link = link;
    source.on('data', (bytes: Buffer) => {
      this.#queueBytes += bytes.length;
      if (this.#queueBytes >= QUEUE_BYTES_MAX) source.pause();
      this.#add(bytes);
    });
    source.on('end', () => this.#add('end'));
    source.on('close', () => this.#add('gone'));
    sink.on('drain', () => {
      this.#sinkFull = false;
      this.#pump();
    });
    sink.on('close', () => this.#stop());
  }

  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump();
  }

  reset(): void {
    this.#source.resetAndDestroy();
    this.#sink.resetAndDestroy();
  }

  #add(what: Item['what']): void {
    if (this.#sink.destroyed) return;
    this.#queue.push({ what, dueAt: performance.now() + this.#link.state.delayMs });
    this.#pump();
  }

  /** Gives the sink what is due. Comes to rest when the link is cut, something is not due yet, or the sink is full. */
  #pump(): void {
    while (this.#timer === undefined && !this.#sinkFull && !this.#link.state.cut && !this.#sink.destroyed) {
      const head = this.#queue[0];
      if (head === undefined) return;
      const waitMs = Math.max(head.dueAt, this.#freeAt) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.changed(), waitMs);
        return;
      }
      this.#queue.shift();
      if (head.what === 'end') this.#sink.end();
      else if (head.what === 'gone') this.#sourceGone();
      else this.#write(head.what, head.dueAt);
    }
  }

  #write(bytes: Buffer, dueAt: number): void {
    const { bytesPerSecond } = this.#link.state;
    const portionBytes = Math.max(1, Math.floor(bytesPerSecond / PORTIONS_PER_SECOND));
    const portion = bytes.length <= portionBytes ? bytes : bytes.subarray(0, portionBytes);
    if (portion.length < bytes.length) this.#queue.unshift({ what: bytes.subarray(portion.length), dueAt });
    this.#freeAt = performance.now() + (portion.length / bytesPerSecond) * 1000;
    this.#queueBytes -= portion.length;
    if (this.#queueBytes <= QUEUE_BYTES_MAX / 2) this.#source.resume();
    this.#sinkFull = !this.#sink.write(portion);
  }

  /** A connection that had ended both ways goes quietly; any other ends here as it ended there. */
  #sourceGone(): void {
    if (!this.#sink.writableEnded || !this.#sink.readableEnded) this.#sink.resetAndDestroy();
  }

  #stop(): void {
    this.#link.unlisten(this);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
    this.#queueBytes = 0;
  }
}
