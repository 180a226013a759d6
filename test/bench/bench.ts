/**
 * The run: every work on both sides, interleaved (A B, B A, A B …), so that what drifts on the machine drifts for both. A side is
 * alone with its work: its server is started for it and stopped after it, on one processor if there are several, and the
 * load on the others.
 */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Sample } from './sample.ts';
import { BenchServer, type Side } from './server-process.ts';
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
  /** Whether each server had a processor of its own. */
  readonly isPinned: boolean;
}

const SERVER_PROCESSOR = 0;
const PORTS = 100;
const PORTS_PER_SERVER = 2;

export class Bench {
  readonly #options: BenchOptions;
  readonly #samples: Sample[] = [];
  readonly #failures: string[] = [];
  #root = '';
  #servers = 0;
  #isPinned = false;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** Runs all of it. A round that fails is noted, and the others go on. */
  async run(): Promise<BenchResult> {
    this.#isPinned = pinLoad();
    this.#root = await mkdtemp(join(this.#options.directory, 'watchraft-bench-'));
    const remove = (): void => rmSync(this.#root, { recursive: true, force: true });
    process.on('exit', remove);
    try {
      for (const work of this.#options.works) await this.#rounds(work);
    } finally {
      remove();
      process.off('exit', remove);
    }
    return { samples: this.#samples, failures: this.#failures, isPinned: this.#isPinned };
  }

  async #rounds(work: Work): Promise<void> {
    const rounds = Math.min(this.#options.rounds, work.roundsMax ?? Number.POSITIVE_INFINITY);
    for (let round = 1; round <= rounds; round++) {
      const sides = (Object.keys(this.#options.commands) as Side[]).sort();
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
      withServer: async (use) => {
        const dataDir = join(this.#root, `${side}-${this.#servers}`);
        try {
          return await this.#withServerOn(side, dataDir, use);
        } finally {
          await rm(dataDir, { recursive: true, force: true });
        }
      },
      withServerOn: (dataDirName, use) => this.#withServerOn(side, join(this.#root, `${side}-${dataDirName}`), use),
    };
  }

  async #withServerOn<T>(side: Side, dataDir: string, use: (server: BenchServer) => Promise<T>): Promise<T> {
    const offset = (this.#servers * PORTS_PER_SERVER) % PORTS;
    this.#servers += 1;
    await using server = await BenchServer.start({
      side,
      command: this.#options.commands[side] ?? [],
      dataDir,
      clientPort: this.#options.port + offset,
      processor: this.#isPinned ? SERVER_PROCESSOR : undefined,
      settleMs: this.#options.isQuick ? 20 : 1000,
    });
    // Without the await the server would be stopped before it is used.
    return await use(server);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

/** Keeps this process and all it starts off the processor of the servers. False if there is but one, or no taskset. */
function pinLoad(): boolean {
  const processors = cpus().length;
  if (processors < 2) return false;
  try {
    execFileSync('taskset', ['-acp', `${SERVER_PROCESSOR + 1}-${processors - 1}`, String(process.pid)], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
