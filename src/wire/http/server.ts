/** HTTP for people, probes and Prometheus: routes to plain functions, on connections of HTTP/1 that the port hands over, or by `answerTo`. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Connections } from '../connections.ts';
import { type ExchangeHandler, NodeExchange } from './exchange.ts';
import { type HttpAnswer, type HttpRoutes, plainError } from './route.ts';

/** A connection on which nothing has moved for so long is cut. */
const IDLE_MS_MAX = 60_000;

/** etcd's answer to --cors=*, which is its default. */
const CORS_HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Headers': 'accept, content-type, authorization',
  'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
  'Access-Control-Allow-Origin': '*',
};

export interface HttpServerOptions {
  readonly routes: HttpRoutes;
  /** By path: what is asked by POST, over HTTP/1 alone. */
  readonly exchanges?: ReadonlyMap<string, ExchangeHandler>;
  /** Hears of errors that handlers throw, of which the client sees status 500 only. */
  readonly onError: (path: string, error: unknown) => void;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #connections = new Connections();
  /** Those on which an answer is under way. */
  readonly #busy = new Set<Duplex>();
  readonly #exchanges = new Set<NodeExchange>();
  #closing = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.timeout = IDLE_MS_MAX;
    // Node's five seconds would make Prometheus connect anew for each scrape.
    this.#server.keepAliveTimeout = IDLE_MS_MAX;
    // A body may be a conversation. One of which nothing comes is cut as idle.
    this.#server.requestTimeout = 0;
  }

  accept(socket: Duplex): void {
    if (!this.#connections.add(socket)) return;
    this.#server.emit('connection', socket);
    // The port has paused it. What was put back flows first.
    socket.resume();
  }

  /** Lets answers under way finish for at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#connections.cutWhere((connection) => !this.#busy.has(connection));
    for (const exchange of this.#exchanges) exchange.leave();
    return this.#connections.close(graceMs);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#busy.add(socket);
    response.once('close', () => this.#busy.delete(socket));
    if (this.#exchange(request, response)) return;
    // Nothing else takes a body; one that comes must not block the connection.
    request.resume();
    const { status, headers, body } = await this.answerTo(request.method ?? '', request.url ?? '');
    if (this.#closing) response.shouldKeepAlive = false;
    response.writeHead(status, headers);
    response.end(body);
  }

  /** Whether it is one, and begins. */
  #exchange(request: IncomingMessage, response: ServerResponse): boolean {
    const [path] = splitOnce(request.url ?? '', '?');
    const handler = this.#options.exchanges?.get(path);
    if (handler === undefined || request.method !== 'POST') return false;
    const { socket } = request;
    const exchange = new NodeExchange(path, request, response);
    this.#exchanges.add(exchange);
    response.once('close', () => {
      this.#exchanges.delete(exchange);
      socket.setTimeout(IDLE_MS_MAX);
    });
    if (this.#closing) response.shouldKeepAlive = false;
    for (const [name, value] of Object.entries(CORS_HEADERS)) response.setHeader(name, value);
    handler(exchange);
    return true;
  }

  /** The answer over HTTP/2. Never rejects. A client that can do both repeats it over HTTP/1 if it must. */
  async answerHttp2(method: string, url: string): Promise<HttpAnswer | 'http1Only'> {
    const [path] = splitOnce(url, '?');
    if (method === 'POST' && this.#options.exchanges?.has(path) === true) return 'http1Only';
    return await this.answerTo(method, url);
  }

  /** The whole of an answer, whatever it goes over. Never rejects. */
  async answerTo(method: string, url: string): Promise<HttpAnswer> {
    const [path, query] = splitOnce(url, '?');
    const { status, headers, body } = await this.#route(method, path, query);
    const length = String(Buffer.byteLength(body));
    return { status, headers: { ...CORS_HEADERS, ...headers, 'Content-Length': length }, body };
  }

  async #route(method: string, path: string, query: string): Promise<HttpAnswer> {
    if (method === 'OPTIONS') return { status: 200, body: '' };
    const handler = this.#options.routes.get(path);
    if (this.#options.exchanges?.has(path) === true) return plainError(405, 'Method Not Allowed');
    if (handler === undefined) return plainError(404, '404 page not found');
    try {
      return await handler({ method, path, query: new URLSearchParams(query) });
    } catch (error) {
      this.#options.onError(path, error);
      return plainError(500, 'Internal Server Error');
    }
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
