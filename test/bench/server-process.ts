/**
 * A server under test: a process on a processor of its own with an empty data directory. Debian's etcd and this node get
 * the same flags. What the bench knows of a server beyond etcd's API is here: how to make it collect its garbage, so that memory
 * is what is in use:
 *
 *     etcd   --enable-pprof, and GET /debug/pprof/heap?gc=1
 *     Node   a signal handler, put in by --import, that calls V8's gc()
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryBytes, processorMs } from './process-usage.ts';
import { revisionOf } from './raw-call.ts';
import { RawConnection } from './raw-client.ts';

/** A member's name and the whole cluster as --initial-cluster has it. */
export interface ClusterPlace {
  readonly name: string;
  readonly initialCluster: string;
}

/** A second client port, which speaks TLS. */
export interface TlsDoor {
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Who is measured: this project's node or Debian's etcd. */
export type Side = 'ours' | 'etcd';

export interface ServerOptions {
  readonly side: Side;
  /** The program and its first arguments. */
  readonly command: readonly string[];
  readonly dataDir: string;
  /** On 127.0.0.1; the peer port is the next one. */
  readonly clientPort: number;
  /** The processor it runs on, or undefined for any. */
  readonly processor: number | undefined;
  /** How long memory must not have fallen to be settled. */
  readonly settleMs: number;
  /** Without it the server is a cluster of one. */
  readonly place?: ClusterPlace;
  readonly tls?: TlsDoor | undefined;
  /** Unless said otherwise it is ready when it answers a linearizable read. */
  readonly isReady?: (port: number) => Promise<boolean>;
}

const READY_WITHIN_MS = 300_000;
const ASK_EVERY_MS = 5;
const STOP_WITHIN_MS = 30_000;
const OUTPUT_CHARACTERS_MAX = 8 * 1024;
/** Memory has settled when it has not fallen by more than this share since the last look. */
const SETTLED_SHARE = 0.005;
const SETTLE_CHECKS_MAX = 15;

const GC_ON_SIGNAL = `data:text/javascript,${encodeURIComponent(
  `import v8 from 'node:v8'; import vm from 'node:vm';
   v8.setFlagsFromString('--expose-gc'); const gc = vm.runInNewContext('gc'); process.on('SIGUSR2', () => gc());`,
)}`;

export class BenchServer implements AsyncDisposable {
  readonly side: Side;
  readonly port: number;
  readonly pid: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  readonly options: ServerOptions;
  readonly #child: ChildProcess;
  readonly #endWithUs: () => void;

  private constructor(options: ServerOptions, child: ChildProcess, pid: number, startMs: number, end: () => void) {
    this.side = options.side;
    this.port = options.clientPort;
    this.pid = pid;
    this.startMs = startMs;
    this.options = options;
    this.#child = child;
    this.#endWithUs = end;
  }

  /** Resolves when the server is ready. Rejects with its last words if it does not get so. */
  static async start(options: ServerOptions): Promise<BenchServer> {
    // Else its answers would be taken for those of the server, which cannot start.
    if (await listens(options.clientPort)) throw new Error(`somebody else serves on port ${options.clientPort}`);
    const startedAt = performance.now();
    const [program = '', ...args] = commandLine(options);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environmentOf(options) });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    const end = (): void => void child.kill('SIGKILL');
    // First of all that is done then: whoever removes its files must not meet it at work.
    process.prependListener('exit', end);
    child.on('error', (error) => (output += error.message));
    while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const isReady = await (options.isReady ?? answers)(options.clientPort);
      const startMs = performance.now() - startedAt;
      if (isReady) return new BenchServer(options, child, child.pid, startMs, end);
      if (startMs > READY_WITHIN_MS) break;
      await sleep(ASK_EVERY_MS);
    }
    end();
    process.off('exit', end);
    throw new Error(`${args.join(' ')} did not get ready:\n${output}`);
  }

  /** Whether it is this project's node, by its program. */
  get isNode(): boolean {
    return programOf(this.options.command) === 'node';
  }

  get processorMs(): number {
    return processorMs(this.pid);
  }

  /** Memory in use, bytes, once garbage is collected and what is free has been given back: forced, then waited for. */
  async settledMemoryBytes(): Promise<number> {
    let last = Number.POSITIVE_INFINITY;
    for (let check = 0; check < SETTLE_CHECKS_MAX; check++) {
      await this.#collectGarbage();
      await sleep(this.options.settleMs);
      const now = memoryBytes(this.pid);
      if (now >= last * (1 - SETTLED_SHARE)) return now;
      last = now;
    }
    return last;
  }

  /** The text of its /metrics. */
  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`);
    if (!response.ok) throw new Error(`/metrics says ${response.status}`);
    return response.text();
  }

  /** Asks it to end, and makes it end if it does not. */
  async stop(): Promise<void> {
    process.off('exit', this.#endWithUs);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(timer);
  }

  /** The power is cut: it gets no chance to say goodbye. Resolves when the process is gone. */
  async kill(): Promise<void> {
    process.off('exit', this.#endWithUs);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #collectGarbage(): Promise<void> {
    if (this.isNode) this.#child.kill('SIGUSR2');
    if (programOf(this.options.command) === 'etcd') {
      const response = await fetch(`http://127.0.0.1:${this.port}/debug/pprof/heap?gc=1`);
      await response.arrayBuffer();
    }
  }
}

function answers(port: number): Promise<boolean> {
  return revisionOf(port).then(
    () => true,
    () => false,
  );
}

function listens(port: number): Promise<boolean> {
  return RawConnection.open(port).then(
    (connection) => {
      connection.close();
      return true;
    },
    () => false,
  );
}

function programOf(command: readonly string[]): string {
  return basename(command[0] ?? '');
}

function commandLine(options: ServerOptions): string[] {
  const { tls, place = { name: 'default', initialCluster: `default=http://127.0.0.1:${options.clientPort + 1}` } } =
    options;
  const clients = [
    `http://127.0.0.1:${options.clientPort}`,
    ...(tls === undefined ? [] : [`https://127.0.0.1:${tls.port}`]),
  ].join();
  const peer = `http://127.0.0.1:${options.clientPort + 1}`;
  const isEtcd = programOf(options.command) === 'etcd';
  return [
    ...(options.processor === undefined ? [] : ['taskset', '-c', String(options.processor)]),
    ...options.command,
    `--data-dir=${options.dataDir}`,
    `--name=${place.name}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${place.initialCluster}`,
    ...(tls === undefined ? [] : [`--cert-file=${tls.certFile}`, `--key-file=${tls.keyFile}`]),
    '--log-level=warn',
    ...(isEtcd ? ['--logger=zap', '--enable-pprof'] : []),
  ];
}

function environmentOf(options: ServerOptions): NodeJS.ProcessEnv {
  if (programOf(options.command) !== 'node') return process.env;
  return { ...process.env, NODE_OPTIONS: `--import ${GC_ON_SIGNAL}` };
}
