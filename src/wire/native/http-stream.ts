/**
 * A stream of HTTP/2 whose request is none of gRPC's: a probe, Prometheus, a person with curl. It is answered by whoever answers HTTP/1.
 *
 *     client       HEADERS (DATA: what no handler takes)
 *     we           HEADERS, DATA as far as the windows let it, END_STREAM
 */

import type { HttpAnswer } from '../http/route.ts';
import { ErrorCode, FRAME_HEADER_BYTES, FrameFlag, FrameType, WINDOW_BYTES_MAX } from './frame.ts';
import { STREAM_WINDOW_BYTES, TURN_BYTES_MAX } from './limits.ts';
import { httpHeaders } from './response-headers.ts';
import type { OpenStream, StreamHost } from './stream-host.ts';
import type { Sender } from './transmitter.ts';

/** DATA without content, which ends a stream. Its id is put in when it is sent. */
const END_OF_STREAM: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
END_OF_STREAM[3] = FrameType.data;
END_OF_STREAM[4] = FrameFlag.endStream;

export class HttpStream implements OpenStream, Sender {
  readonly id: number;
  readonly #host: StreamHost;
  #sendWindow: number;
  #receiveWindow = STREAM_WINDOW_BYTES;
  #isHalfClosed = false;
  #isOver = false;
  /** Headers that are not sent yet. */
  #headers: Buffer | undefined;
  /** Of the body, what is not sent yet; undefined: there is no answer yet. */
  #rest: Buffer | undefined;

  constructor(host: StreamHost, id: number, sendWindow: number) {
    this.id = id;
    this.#host = host;
    this.#sendWindow = sendWindow;
  }

  get isHalfClosed(): boolean {
    return this.#isHalfClosed;
  }

  /** Gives the answer, once. */
  answer({ status, headers = {}, body }: HttpAnswer, isBodyWanted: boolean): void {
    if (this.#isOver) return;
    this.#host.sentSomething();
    this.#headers = httpHeaders(status, headers);
    this.#rest = Buffer.from(isBodyWanted ? body : '');
    this.#host.transmitter.queued(this.#rest.length);
    this.#host.transmitter.ready(this);
  }

  // ---- what comes in, which nobody reads ----

  takeFromWindow(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  receive(): void {}

  received(): void {}

  halfClose(): void {
    this.#isHalfClosed = true;
  }

  // ---- what goes out ----

  openWindow(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > WINDOW_BYTES_MAX) return false;
    if (this.#rest !== undefined && this.#sendWindow > 0) this.#host.transmitter.ready(this);
    return true;
  }

  sendNext(): boolean {
    const { transmitter } = this.#host;
    const rest = this.#rest;
    if (rest === undefined) return false;
    if (this.#headers !== undefined) transmitter.frame(this.#headers, this.id);
    this.#headers = undefined;
    const bytes = Math.max(0, Math.min(rest.length, this.#sendWindow, transmitter.window, TURN_BYTES_MAX));
    if (bytes > 0) {
      this.#sendWindow -= bytes;
      transmitter.dataHeader(this.id, bytes, 0);
      transmitter.output.add(rest, 0, bytes);
      transmitter.queued(-bytes);
    }
    this.#rest = rest.subarray(bytes);
    if (this.#rest.length > 0) return this.#sendWindow > 0;
    this.#end();
    return false;
  }

  #end(): void {
    const { transmitter } = this.#host;
    this.#isOver = true;
    transmitter.frame(END_OF_STREAM, this.id);
    // The client need not go on sending what nobody reads.
    if (!this.#isHalfClosed) transmitter.resetStream(this.id, ErrorCode.noError);
    this.#host.closed(this);
  }

  /** It is answered soon, or not at all. */
  leave(): void {}

  breakOff(): void {}

  /** The client has reset it, or is gone. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.transmitter.forget(this);
    this.#host.transmitter.queued(-(this.#rest?.length ?? 0));
    this.#rest = undefined;
  }
}
