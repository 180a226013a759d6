/** A request over HTTP/1 with a body, whose answer may be given piece by piece, and while more of the body comes. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bytes } from '../../base/index.ts';

export interface HttpExchange {
  readonly path: string;
  /** Of the request, in lower case. */
  header(name: string): string | undefined;
  /** Address of the client, 'host:port'. */
  readonly peer: string;
  /** As it comes. Ends early if the client goes. */
  readonly body: AsyncIterable<Bytes>;
  /** Sends the head of the answer; once, before all else. */
  begin(status: number, headers: Readonly<Record<string, string>>): void;
  /** Sends a piece. False: enough is buffered; hold the next one until onWritable fires. */
  write(text: string): boolean;
  onWritable(listener: () => void): void;
  end(): void;
  /** The client has gone before the end. One listener. */
  onGone(listener: () => void): void;
  /** The server stops: what has no end of its own is to be ended. One listener. */
  onLeaving(listener: () => void): void;
}

/** Answers one. Must not reject. */
export type ExchangeHandler = (exchange: HttpExchange) => void;

export class NodeExchange implements HttpExchange {
  readonly path: string;
  readonly peer: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #leave: () => void = () => undefined;

  constructor(path: string, request: IncomingMessage, response: ServerResponse) {
    this.path = path;
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    this.peer = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    this.#request = request;
    this.#response = response;
    // It may be silent for long: it is not idle.
    request.socket.setTimeout(0);
    // A client that goes while its body is read is heard of below.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  get body(): AsyncIterable<Bytes> {
    return chunksOf(this.#request);
  }

  begin(status: number, headers: Readonly<Record<string, string>>): void {
    this.#response.writeHead(status, headers);
    this.#response.flushHeaders();
  }

  write(text: string): boolean {
    return this.#response.write(text);
  }

  onWritable(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  end(): void {
    this.#response.end();
  }

  onGone(listener: () => void): void {
    this.#response.once('close', () => {
      if (!this.#response.writableFinished) listener();
    });
  }

  onLeaving(listener: () => void): void {
    this.#leave = listener;
  }

  leave(): void {
    this.#leave();
  }
}

async function* chunksOf(request: IncomingMessage): AsyncIterable<Bytes> {
  try {
    for await (const chunk of request) yield chunk as Bytes;
  } catch (error) {
    // The client has gone.
    if (!request.destroyed) throw error;
  }
}
