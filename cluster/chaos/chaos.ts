/**
 * A chaos run, step by step:
 *
 *     start      three members, empty
 *     torment    clients at work, the nemesis at its schedule
 *     rest       everything whole again; a leader
 *     settle     clients stop; every watcher is told the rest
 *     check      what clients were told, against one another and against the members
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/index.ts';
import { type Check, check } from '../checker/index.ts';
import { LocalCluster } from '../local/index.ts';
import { type Planned, planFaults, torment } from '../nemesis/index.ts';
import { Findings } from '../report/index.ts';
import { Workload } from '../workload/index.ts';
import { settleAndCheck } from './checks.ts';
import { Observer } from './observer.ts';
import type { ChaosOptions } from './options.ts';
import { clock, type Moment, passed, type Results, report } from './report.ts';

export interface Output {
  write(text: string): unknown;
}

const READY_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 30_000;
const MEMORY_LOOK_EVERY_MS = 1_000;
/** How a member ends at a failpoint that says panic. */
const PANIC = /\(exit code 2\)/;

/** Snapshots are taken often, and little is kept of what comes before them, so that a member that was away needs one. */
const FLAGS = ['--snapshot-count=1000'];
/** A flag that older servers do not know, and as a variable ignore. */
const ENVIRONMENT = { ETCD_SNAPSHOT_CATCHUP_ENTRIES: '200' };

export class Chaos {
  readonly #options: ChaosOptions;
  readonly #output: Output;
  readonly #timeline: Moment[] = [];
  readonly #deaths = new Findings();
  #startedAt = 0;
  #memoryBytesMax = 0;

  constructor(options: ChaosOptions, output: Output) {
    this.#options = options;
    this.#output = output;
  }

  /** Resolves to whether every check passed. `signal` ends the torment early. */
  async run(signal: AbortSignal): Promise<boolean> {
    const directory = await mkdtemp(join(tmpdir(), 'watchraft-chaos-'));
    let isGood = false;
    const cluster = await LocalCluster.start({
      command: this.#options.server,
      flags: FLAGS,
      env: ENVIRONMENT,
      directory,
      size: this.#options.size,
      firstPort: this.#options.firstPort,
      secure: this.#options.secure,
      failpoints: this.#options.failpoints,
      onNote: (text) => {
        if (!this.#options.failpoints || !PANIC.test(text)) this.#deaths.add(text);
        this.#note(text);
      },
    });
    const memory = setInterval(() => this.#lookAtMemory(), MEMORY_LOOK_EVERY_MS);
    try {
      const results = await this.#tormentAndCheck(cluster, signal);
      const text = report(results);
      await writeFile(this.#options.reportFile, text);
      this.#output.write(`\n${text}`);
      isGood = passed(results.checks);
    } finally {
      clearInterval(memory);
      await cluster.down();
      if (isGood) await rm(directory, { recursive: true, force: true });
      else this.#output.write(`The members' data and logs are kept in ${directory}\n`);
    }
    return isGood;
  }

  async #tormentAndCheck(cluster: LocalCluster, signal: AbortSignal): Promise<Results> {
    await cluster.untilReady(READY_WITHIN_MS);
    await using client = connect({ endpoints: cluster.endpoints, tls: cluster.tls, deadlineMs: ANSWER_WITHIN_MS });
    const { revision: first } = await client.get('\0');
    const members = cluster.members.map(({ name }, i) => ({ name, endpoint: cluster.endpoints[i] ?? '' }));
    const { seed, rate, minutes, size, progress, failpoints } = this.#options;
    const schedule = planFaults(seed, size, minutes * 60_000, failpoints);
    const workload = new Workload({ members, tls: cluster.tls, seed, rate, progress, revision: first });
    this.#startedAt = performance.now();
    const observer = new Observer(cluster, (text) => this.#note(text));
    observer.start();
    workload.start();
    try {
      await this.#torment(cluster, schedule, signal);
      await cluster.untilReady(READY_WITHIN_MS);
      await workload.stop();
      const seconds = (performance.now() - this.#startedAt) / 1000;
      this.#note('clients have stopped; watchers are told the rest');
      const checks = [
        check('no member ended by itself', this.#options.size, this.#deaths),
        ...(await settleAndCheck(cluster, client, workload, first)),
      ];
      await observer.stop();
      return this.#results(workload, observer, checks, schedule, seconds);
    } finally {
      await observer.stop();
      workload.close();
    }
  }

  /** The schedule, and what is left of the time after it. */
  async #torment(cluster: LocalCluster, schedule: readonly Planned[], signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const endsAfter = new Promise<void>((resolve) => {
      const timer = setTimeout(() => end.abort(), this.#options.minutes * 60_000);
      const stop = (): void => end.abort();
      signal.addEventListener('abort', stop);
      end.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        resolve();
      });
    });
    await torment(cluster, schedule, end.signal, (text) => this.#note(text));
    await endsAfter;
  }

  #results(
    { record, followers }: Workload,
    { peaks, leaders, snapshots }: Observer,
    checks: readonly Check[],
    schedule: readonly Planned[],
    seconds: number,
  ): Results {
    const sum = (of: (follower: (typeof followers)[number]) => number): number =>
      followers.reduce((total, follower) => total + of(follower), 0);
    const { seed, minutes, server, progress, secure, failpoints } = this.#options;
    const switches = `${progress ? '' : ' --without-progress'}${secure ? ' --tls' : ''}${failpoints ? ' --failpoints' : ''}`;
    this.#lookAtMemory();
    return {
      command: `npm run chaos -- --seed ${seed} --minutes ${minutes} --server '${server.join(' ')}'${switches}`,
      server: server.join(' '),
      seconds,
      checks,
      timeline: this.#timeline,
      faults: schedule.length,
      leaders,
      snapshots,
      writesPerSecond: record.writesPerSecond,
      longestStall: record.longestStall,
      tallies: record.tallies,
      watchers: followers.length,
      eventsTold: sum(({ revisions }) => revisions.length),
      streamsLost: sum(({ reconnections }) => reconnections),
      compactionGaps: sum(({ gaps }) => gaps.length),
      peaks,
      memoryBytesMax: this.#memoryBytesMax,
    };
  }

  #note(text: string): void {
    const atMs = this.#startedAt === 0 ? 0 : performance.now() - this.#startedAt;
    this.#timeline.push({ atMs, text });
    this.#output.write(`${clock(atMs)}  ${text}\n`);
  }

  #lookAtMemory(): void {
    this.#memoryBytesMax = Math.max(this.#memoryBytesMax, process.memoryUsage().rss);
  }
}
