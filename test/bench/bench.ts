/**
 * The run: every work on both sides, interleaved (A B, B A, A B …), so that what drifts on the machine drifts for both. A side is
 * alone with its work: its server is started for it and stopped after it, on a processor of its own if there are several, and the
 * load on the others. Members of a cluster have one each if there are enough, and share what there is if not.
 */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../../cluster/certificates/index.ts';
import { BenchCluster, MEMBERS } from './bench-cluster.ts';
import type { Sample } from './sample.ts';
import { BenchServer, type ServerOptions, type Side } from './server-process.ts';
import type { Stage, Work } from './work.ts';

export interface BenchOptions {
  /** The program and its first arguments, for each side that takes part. */
  readonly commands: Partial<Record<Side, readonly string[]>>;
  readonly works: readonly Work[];
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly keys: number;
  /** Where data directories are made: the disk that is measured. */
  readonly directory: string;
  /** The first of a hundred ports that may be used. */
  readonly port: number;
  /** Told what goes on. */
  readonly progress: (text: string) => void;
}

export interface BenchResult {
  readonly samples: readonly Sample[];
  readonly failures: readonly string[];
  /** How long each work took in all, in the order in which they were done. */
  readonly seconds: ReadonlyMap<string, number>;
  /** Whether each server had a processor of its own. */
  readonly isPinned: boolean;
}

const PORTS = 100;
const REMOVE_RETRIES_MAX = 10;
/** One for clients, one for members. */
const PORTS_PER_SERVER = 2;

export class Bench {
  readonly #options: BenchOptions;
  readonly #samples: Sample[] = [];
  readonly #failures: string[] = [];
  readonly #seconds = new Map<string, number>();
  #root = '';
  #servers = 0;
  /** How many processors, from 0 on, are the servers'. */
  #processors = 0;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** Runs all of it. A round that fails is noted, and the others go on. */
  async run(): Promise<BenchResult> {
    this.#processors = pinLoad();
    this.#root = await mkdtemp(join(this.#options.directory, 'watchraft-bench-'));
    // A server that was killed may still be in the middle of making a file.
    const remove = (): void => rmSync(this.#root, { recursive: true, force: true, maxRetries: REMOVE_RETRIES_MAX });
    process.on('exit', remove);
    try {
      for (const work of this.#options.works) {
        const startedAt = performance.now();
        await this.#rounds(work);
        this.#seconds.set(work.name, (performance.now() - startedAt) / 1000);
      }
    } finally {
      remove();
      process.off('exit', remove);
    }
    const isPinned = this.#processors > 0;
    return { samples: this.#samples, failures: this.#failures, seconds: this.#seconds, isPinned };
  }

  async #rounds(work: Work): Promise<void> {
    const rounds = Math.min(this.#options.rounds, work.roundsMax ?? Number.POSITIVE_INFINITY);
    for (let round = 1; round <= rounds; round++) {
      const all = (Object.keys(this.#options.commands) as Side[]).sort();
      const sides = all.filter((side) => side === (work.onlySide ?? side));
      for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
        const startedAt = performance.now();
        const name = `${work.name} ${round}/${rounds} ${side}`;
        try {
          const measured = await work.run(await this.#stage(side));
          for (const one of measured) this.#samples.push({ ...one, side });
          this.#options.progress(`${name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
        } catch (error) {
          const reason = reasonOf(error);
          this.#failures.push(`${name}: ${reason}`);
          this.#options.progress(`${name}: FAILED: ${reason}`);
        }
      }
    }
  }

  async #stage(side: Side): Promise<Stage> {
    const { isQuick, keys } = this.#options;
    const files = join(this.#root, 'files');
    await mkdir(files, { recursive: true });
    return {
      side,
      isQuick,
      keys,
      file: async (name, bytes) => {
        const path = join(files, name);
        await writeFile(path, bytes);
        return path;
      },
      withServer: (use) => this.#onNewDirectory(side, (dataDir) => this.#withServerOn(side, dataDir, use)),
      withServerOn: (dataDirName, use) => this.#withServerOn(side, join(this.#root, `${side}-${dataDirName}`), use),
      withTlsServer: (use) =>
        this.#onNewDirectory(side, async (dataDir) => {
          const tls = { ...(await certificateFiles(files)), port: this.#nextPort() };
          return await this.#withServerOn(side, dataDir, (server) => use(server, tls.port), tls);
        }),
      withCluster: (use) =>
        this.#onNewDirectory(side, async (directory) => {
          const places = Array.from({ length: MEMBERS }, (_, i) => ({
            dataDir: join(directory, String(i)),
            clientPort: this.#nextPort(),
            processor: this.#processorOf(i),
          }));
          await using cluster = await BenchCluster.start(this.#base(side), places);
          return await use(cluster);
        }),
    };
  }

  async #onNewDirectory<T>(side: Side, use: (directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.#root, `${side}-${this.#servers}`);
    try {
      return await use(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #withServerOn<T>(
    side: Side,
    dataDir: string,
    use: (server: BenchServer) => Promise<T>,
    tls?: ServerOptions['tls'],
  ): Promise<T> {
    const place = { dataDir, clientPort: this.#nextPort(), processor: this.#processorOf(0), tls };
    await using server = await BenchServer.start({ ...this.#base(side), ...place });
    // Without the await the server would be stopped before it is used.
    return await use(server);
  }

  #base(side: Side): Pick<ServerOptions, 'side' | 'command' | 'settleMs'> {
    return { side, command: this.#options.commands[side] ?? [], settleMs: this.#options.isQuick ? 20 : 1000 };
  }

  /** The first of those that a server may need. */
  #nextPort(): number {
    const offset = (this.#servers * PORTS_PER_SERVER) % PORTS;
    this.#servers += 1;
    return this.#options.port + offset;
  }

  #processorOf(index: number): number | undefined {
    return this.#processors === 0 ? undefined : index % this.#processors;
  }
}

/** Of an authority that nobody asks: h2load takes any. */
async function certificateFiles(directory: string): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const authority = await Authority.make('bench');
  const { cert, key } = await authority.issue({ commonName: 'bench', hosts: ['127.0.0.1', 'localhost'] });
  const certFile = join(directory, 'cert.pem');
  const keyFile = join(directory, 'key.pem');
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  return { certFile, keyFile };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

/**
 * Keeps this process and all it starts off the processors of the servers: one for each member of a cluster, as long as one is left for
 * the load. Gives how many these are; none if there is but one processor, or no taskset.
 */
function pinLoad(): number {
  const processors = cpus().length;
  const ofServers = Math.min(MEMBERS, processors - 1);
  if (ofServers === 0) return 0;
  try {
    execFileSync('taskset', ['-acp', `${ofServers}-${processors - 1}`, String(process.pid)], { stdio: 'ignore' });
    return ofServers;
  } catch {
    return 0;
  }
}
