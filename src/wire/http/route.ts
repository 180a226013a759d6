/** What the services answer over HTTP/1: plain functions, which know nothing of sockets. */

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** By path, which must match as a whole. */
export type HttpRoutes = ReadonlyMap<string, HttpHandler>;

/** An error in plain text, as Go's net/http words and ends it: scripts that were written for etcd read it. */
export function plainError(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return {
    status,
    headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: `${text}\n`,
  };
}

/** The same handler, for GET only. */
export function getOnly(handler: HttpHandler): HttpHandler {
  return (request) =>
    request.method === 'GET' ? handler(request) : plainError(405, 'Method Not Allowed', { Allow: 'GET' });
}
