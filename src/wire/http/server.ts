/** HTTP for people, probes and Prometheus: routes to plain functions, on connections of HTTP/1 that the port hands over, or by `answerTo`. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Connections } from '../connections.ts';
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
  /** Hears of errors that handlers throw, of which the client sees status 500 only. */
  readonly onError: (path: string, error: unknown) => void;
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #connections = new Connections();
  /** Those on which an answer is under way. */
  readonly #busy = new Set<Duplex>();
  #closing = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.timeout = IDLE_MS_MAX;
    // Node's five seconds would make Prometheus connect anew for each scrape.
    this.#server.keepAliveTimeout = IDLE_MS_MAX;
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
    return this.#connections.close(graceMs);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nothing here takes a body; one that comes must not block the connection.
    request.resume();
    this.#busy.add(request.socket);
    response.once('close', () => this.#busy.delete(request.socket));
    const { status, headers, body } = await this.answerTo(request.method ?? '', request.url ?? '');
    if (this.#closing) response.shouldKeepAlive = false;
    response.writeHead(status, headers);
    response.end(body);
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
