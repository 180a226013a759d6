/**
 * The port between the services (rpc/) and whatever carries gRPC. Services know calls, bytes and back-pressure; they do not
 * know the library or the protocol below. grpc-js/ implements it.
 *
 * Messages are bytes on both sides, without gRPC's five-byte prefix. An answer may be given in pieces that are sent end to
 * end as one message, so that what is already encoded is not copied to be put behind a header.
 */

import type { Bytes, Status } from '../base/index.ts';
import type { EncodedMessage } from '../codec/index.ts';

/** One message: bytes, or pieces to be put end to end. Must not be changed after it is handed over. */
export type Message = EncodedMessage;

/** How a call ended. `message` is what the client sees as grpc-message. */
export interface CallStatus {
  readonly code: Status;
  readonly message: string;
}

export interface CallContext {
  /** '/etcdserverpb.KV/Put' */
  readonly method: string;
  /** ASCII metadata, names in lower case; a name given twice is joined with ', '. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Address of the client, 'host:port'. */
  readonly peer: string;
  /** Common name of the client's certificate, if it showed one. */
  readonly commonName: string | undefined;
  /** Whether nobody waits for the answer any more: cancelled, past its deadline, or the connection is gone. */
  readonly cancelled: boolean;
  /** Calls `listener` once when the call becomes cancelled; at once (but not within this call) if it already is. */
  onCancelled(listener: () => void): void;
  /** Calls `listener` once when the call is over, however it ended; at once (but not within this call) if it already is. One listener. */
  onEnded(listener: () => void): void;
}

/** Answers one request. Throw (or reject with) a RequestError for a status of the table; anything else becomes Internal and is logged. */
export type UnaryHandler = (request: Bytes, call: CallContext) => Message | Promise<Message>;

/** The sending side of a stream. */
export interface SendStream {
  /** Sends a message. False: enough is buffered; hold the next one until onWritable fires. A write after the end is ignored. */
  write(message: Message): boolean;
  /** Fires each time a write may follow one that returned false. One listener. */
  onWritable(listener: () => void): void;
  /** Ends the call, with Status.ok if no status is given. Further calls do nothing. */
  end(status?: CallStatus): void;
}

/** Both sides of a stream. Set the listeners before the handler returns. */
export interface DuplexStream extends SendStream {
  /** One listener, called for each message in order. */
  onMessage(listener: (message: Bytes) => void): void;
  /** The client will send no more. */
  onHalfClose(listener: () => void): void;
  /** Stops delivering messages (the client is held back by flow control) until resume. */
  pause(): void;
  resume(): void;
  /** Ends the call as if a listener had thrown `error`: for what is done in turns of the handler's own. */
  fail(error: unknown): void;
}

/** Answers one request with a stream of messages. */
export type ServerStreamHandler = (request: Bytes, stream: SendStream, call: CallContext) => void | Promise<void>;

/**
 * Carries on a conversation. What it throws, or what a listener throws, ends the call as with a UnaryHandler. If it
 * returns a promise, its rejection is what it throws.
 */
export type DuplexHandler = (stream: DuplexStream, call: CallContext) => void | Promise<void>;

export type Method =
  | { readonly kind: 'unary'; readonly handler: UnaryHandler }
  | { readonly kind: 'serverStream'; readonly handler: ServerStreamHandler }
  | { readonly kind: 'duplex'; readonly handler: DuplexHandler };

/** Every method served, by full name: '/package.Service/Method'. A method that is not here is answered Unimplemented. */
export type Methods = ReadonlyMap<string, Method>;
