/**
 * A server that runs as a process of its own: started directly (a signal reaches the pid that was started), waited for by
 * asking it, ended by signal. Any server with etcd's flags will do.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, type ClientTls, connect } from '../../src/client/index.ts';
import { serverSaid } from './server-output.ts';

export interface ServerOptions {
  /** The program and the arguments that come first. */
  readonly command: readonly [string, ...string[]];
  readonly dataDir: string;
  /** On 127.0.0.1. */
  readonly clientPort: number;
  /** If it speaks TLS there: how it is asked. */
  readonly tls?: ClientTls | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take until it serves, milliseconds. */
  readonly readyWithinMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const READY_WITHIN_MS_DEFAULT = 60_000;
const ASK_EVERY_MS = 20;
/** What is kept of the newest output, for the message when something goes wrong. */
const OUTPUT_CHARACTERS_MAX = 16 * 1024;

export class ServerProcess {
  readonly endpoint: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;
  readonly #killWithUs: () => void;
  #exit: Exit | undefined;
  #output = '';

  private constructor(child: ChildProcess, pid: number, endpoint: string) {
    this.#child = child;
    this.pid = pid;
    this.endpoint = endpoint;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
        serverSaid(child.spawnfile, pid, () => text);
      });
    }
    this.#killWithUs = () => void child.kill('SIGKILL');
    process.on('exit', this.#killWithUs);
    this.#exited = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        process.off('exit', this.#killWithUs);
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** Starts a server and resolves when it answers. Rejects with its last words if it ends or takes too long. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    await refuseIfTaken(options.clientPort);
    const [program, ...first] = options.command;
    const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${options.clientPort}`;
    const flags = ['--data-dir', options.dataDir, '--listen-client-urls', url, '--advertise-client-urls', url];
    const child = spawn(program, [...first, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    if (child.pid === undefined) {
      const [error] = (await once(child, 'error')) as [Error];
      throw new Error(`${program} could not be started: ${error.message}`, { cause: error });
    }
    const server = new ServerProcess(child, child.pid, `127.0.0.1:${options.clientPort}`);
    try {
      await server.#ready(options.readyWithinMs ?? READY_WITHIN_MS_DEFAULT, options.tls);
    } catch (error) {
      await server.kill('SIGKILL');
      throw error;
    }
    return server;
  }

  /** The newest of what it has written to its standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Sends the signal and resolves when the process is gone. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.running) this.#child.kill(signal);
    return this.#exited;
  }

  async #ready(withinMs: number, tls: ClientTls | undefined): Promise<void> {
    const giveUpAt = Date.now() + withinMs;
    const client = connect({ endpoints: [this.endpoint], tls, deadlineMs: 1000 });
    try {
      for (;;) {
        const refused = await client.get('\0', { limit: 1, keysOnly: true }).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (refused === undefined || isOurRefusal(refused)) return;
        if (this.#exit !== undefined) {
          throw new Error(`the server ended before it was ready (${describe(this.#exit)}):\n${this.#output}`);
        }
        if (Date.now() > giveUpAt) {
          throw new Error(`the server was not ready within ${withinMs} ms:\n${this.#output}`, { cause: refused });
        }
        await sleep(ASK_EVERY_MS);
      }
    } finally {
      client.close();
    }
  }
}

/** A server with auth on serves, but not us: we are nobody. */
function isOurRefusal(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'userEmpty' || error.code === 'permissionDenied');
}

/** Rejects if something listens on the port already: it would be taken for the server that is to be started. */
async function refuseIfTaken(port: number): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } catch {
    return;
  } finally {
    socket.destroy();
  }
  throw new Error(`something listens on port ${port} already`);
}

function describe(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}
