/** What a stream needs of the connection that it is on. */

import type { Bytes, Clock } from '../../base/index.ts';
import type { Method } from '../port.ts';
import type { Stream } from './stream.ts';
import type { Transmitter } from './transmitter.ts';
import type { Waiting } from './turn.ts';

/** A stream, as its connection deals with it. */
export interface OpenStream {
  readonly id: number;
  /** Whether the client has said that it sends no more. */
  readonly isHalfClosed: boolean;
  /** A DATA frame begins. False: more than the client may send. */
  takeFromWindow(bytes: number): boolean;
  /** Content of a DATA frame. */
  receive(content: Buffer): void;
  /** A DATA frame has ended; its bytes may be sent again. */
  received(): void;
  halfClose(): void;
  /** The client takes more of this stream. False: more than a window can be. */
  openWindow(bytes: number): boolean;
  /** The client has reset it, or is gone: nothing can be sent any more. */
  cancel(): void;
  /** The server stops: a conversation comes to its end. */
  leave(): void;
  /** The server has stopped: the client is told so, and the handler that nobody waits any more. */
  breakOff(): void;
}

export interface StreamHost {
  readonly transmitter: Transmitter;
  readonly clock: Clock;
  readonly requestBytesMax: number;
  readonly peer: string;
  readonly commonName: string | undefined;
  /** Something of a call is being sent. */
  sentSomething(): void;
  /** So many bytes that were received are kept (or, if negative, are not kept any more). False: more than the connection may have. */
  keep(bytes: number): boolean;
  /** Has it go on in its turn, behind what has come already. */
  wait(waiting: Waiting): void;
  /** The request of a call that takes one is there. */
  answer(stream: Stream, method: Method, request: Bytes): void;
  /** Calls a listener of the handler. What it throws ends the call. */
  guarded(stream: Stream, listener: () => void): void;
  /** Nothing more comes from this stream. */
  closed(stream: OpenStream): void;
}
