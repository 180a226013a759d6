/**
 * gofail's HTTP endpoint: failpoints of a running process are looked at and armed from outside.
 *
 *     GET    /              name=terms, a line for each; nothing behind the = of one that is off
 *     GET    /name          its terms
 *     GET    /name/count    how often it was carried out since it was armed
 *     PUT    /name          arms it with the terms in the body; 400 if they cannot be read
 *     PUT    /failpoints    name=terms;name=terms, all of them or, if one is wrong, none
 *     DELETE /name          turns it off
 *
 * It has no access control, as gofail's has none: it is for tests. A name that is not known: 404.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { FAILPOINTS, type Logger } from '../../base/index.ts';
import { ArmedFailpoints } from './armed-failpoints.ts';
import { TermsError } from './terms.ts';

const BODY_BYTES_MAX = 64 * 1024;

interface Answer {
  readonly status: number;
  readonly text?: string;
}

const NOT_THERE: Answer = { status: 404, text: 'failpoint: failpoint does not exist\n' };

export class FailpointServer {
  readonly #failpoints: ArmedFailpoints;
  readonly #server: Server;

  private constructor(failpoints: ArmedFailpoints, logger: Logger) {
    this.#failpoints = failpoints;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        logger.error('answering a failpoint request failed', { error });
        response.destroy();
      });
    });
    // It alone keeps no process alive.
    this.#server.unref();
  }

  /** `address`: host:port. Rejects if it cannot be listened to. */
  static async listen(address: string, failpoints: ArmedFailpoints, logger: Logger): Promise<FailpointServer> {
    const { hostname, port } = new URL(`http://${address}`);
    const server = new FailpointServer(failpoints, logger);
    server.#server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''));
    await once(server.#server, 'listening');
    return server;
  }

  /** Where it is: of use if the port was to be any. */
  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { status, text = '' } =
      body === undefined
        ? { status: 413, text: 'too long\n' }
        : this.#answer(request.method ?? '', (request.url ?? '/').slice(1), body);
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(text);
  }

  #answer(method: string, path: string, body: string): Answer {
    switch (method) {
      case 'GET':
        return this.#get(path);
      case 'PUT':
        return this.#put(path, body);
      case 'DELETE':
        if (!ArmedFailpoints.isName(path)) return NOT_THERE;
        this.#failpoints.disarm(path);
        return { status: 204 };
      default:
        return { status: 405, text: 'Method not allowed\n' };
    }
  }

  #get(path: string): Answer {
    const failpoints = this.#failpoints;
    if (path === '') {
      const lines = [...FAILPOINTS].sort().map((name) => `${name}=${failpoints.terms(name)?.text ?? ''}\n`);
      return { status: 200, text: lines.join('') };
    }
    const name = path.replace(/\/count$/, '');
    if (!ArmedFailpoints.isName(name)) return NOT_THERE;
    const armed = failpoints.terms(name);
    return { status: 200, text: path === name ? `${armed?.text ?? ''}\n` : String(armed?.count ?? 0) };
  }

  #put(path: string, body: string): Answer {
    try {
      if (path === 'failpoints') this.#failpoints.armAll(body);
      else if (ArmedFailpoints.isName(path)) this.#failpoints.arm(path, body);
      else return NOT_THERE;
      return { status: 204 };
    } catch (error) {
      if (!(error instanceof TermsError)) throw error;
      return { status: 400, text: `fail to set failpoint: ${error.message}\n` };
    }
  }
}

/** Undefined: it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
