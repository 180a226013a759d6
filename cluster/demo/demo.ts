/**
 * The demonstration, step by step:
 *
 *     survey     which packages are there
 *     watch      three quarters of the watchers join, on an empty store
 *     load       every package is put                          <- the watchers follow, some of them slowly
 *     join       the others join and read history from revision 1
 *     change     a third is updated, a third is deleted
 *     load again every package is put; half-way the server is killed, started again, and the load goes on
 *     catch up   until every watcher has been told what history holds for it
 *     check
 *
 * Memory stays bounded: of what is written and told only checksums are kept.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientError, connect } from '../../src/client/index.ts';
import { ServerProcess } from '../process/index.ts';
import { Findings, table } from '../report/index.ts';
import { type Check, checkDigests, checkHistory, checkReplays, checkWrites, readStore } from './checks.ts';
import { Fleet } from './fleet.ts';
import { type History, readHistory } from './history.ts';
import { Ledger } from './ledger.ts';
import { type LoopDelay, loopDelay } from './loop-delay.ts';
import type { DemoOptions } from './options.ts';
import { dumpAvail } from './packages.ts';
import { grouped, type Output, ProgressBar } from './progress-bar.ts';
import { planWatchers, type WatcherPlan } from './watcher-plan.ts';
import { type Write, writeAll } from './writer.ts';

interface Step {
  readonly name: string;
  readonly count: number;
  readonly seconds: number;
}

/** Watchers that are told nothing for so long, while they lack something, have lost it: milliseconds. */
const STANDSTILL_MS = 20_000;
const CATCH_UP_LOOK_MS = 50;

/** Every third package is updated, every third deleted. */
const THIRDS = 3;

export class Demo {
  readonly #options: DemoOptions;
  readonly #output: Output;
  readonly #ledger = new Ledger();
  readonly #steps: Step[] = [];
  readonly #delays: LoopDelay[] = [];
  #keys: readonly string[] = [];
  #stanzas = 0;

  constructor(options: DemoOptions, output: Output) {
    this.#options = options;
    this.#output = output;
  }

  /** Resolves to whether every check passed. */
  async run(): Promise<boolean> {
    await this.#survey();
    const dataDir = await mkdtemp(join(tmpdir(), 'watchraft-demo-'));
    let server = await this.#start(dataDir);
    const client = connect({ endpoints: [server.endpoint], deadlineMs: 60_000 });
    const fleet = new Fleet(client);
    try {
      const plans = planWatchers(this.#options.watchers, this.#keys, this.#options.seed);
      await this.#joinFleet('watchers join', fleet, plans, 'before');
      await this.#write('load', client, this.#stanzas, this.#puts(1), (_write, error) => {
        throw error;
      });
      await this.#joinFleet('more join, from 1', fleet, plans, 'after');
      await this.#write(
        'update and delete',
        client,
        Math.ceil((this.#stanzas * 2) / THIRDS),
        this.#changes(),
        (_w, error) => {
          throw error;
        },
      );
      server = await this.#loadAndKill(client, server, dataDir);
      const checks = await this.#check(client, fleet);
      await this.#askForDelay(server);
      this.#report(checks, fleet);
      return checks.every(({ findings }) => findings.count === 0);
    } finally {
      fleet.close();
      client.close();
      await server.kill('SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    }
  }

  async #survey(): Promise<void> {
    const startedAt = performance.now();
    const keys = new Set<string>();
    for await (const { key } of dumpAvail(this.#options.packagesMax)) {
      keys.add(key);
      this.#stanzas++;
    }
    this.#keys = [...keys].sort();
    const twice = this.#stanzas - keys.size;
    this.#output.write(
      `${grouped(this.#stanzas)} stanzas, ${grouped(keys.size)} keys${twice === 0 ? '' : ` (${twice} come more than once)`}\n`,
    );
    this.#note('survey', this.#stanzas, startedAt);
  }

  #start(dataDir: string): Promise<ServerProcess> {
    const { server, clientPort } = this.#options;
    return ServerProcess.start({ command: server, dataDir, clientPort, env: { ETCD_LOG_LEVEL: 'warn' } });
  }

  async #joinFleet(
    name: string,
    fleet: Fleet,
    plans: readonly WatcherPlan[],
    joins: WatcherPlan['joins'],
  ): Promise<void> {
    const startedAt = performance.now();
    const joining = plans.filter((plan) => plan.joins === joins);
    await fleet.join(joining);
    this.#note(name, joining.length, startedAt);
  }

  /** Makes the writes under a progress bar. */
  async #write(
    name: string,
    client: Client,
    total: number,
    writes: AsyncIterable<Write>,
    onLost: (write: Write, error: ClientError) => void,
    onWritten: (count: number) => void = () => {},
  ): Promise<void> {
    const startedAt = performance.now();
    const bar = new ProgressBar(this.#output, name, total);
    let count = 0;
    await writeAll(client, writes, this.#ledger, {
      onWritten: () => {
        bar.advance();
        onWritten(++count);
      },
      onLost,
    });
    bar.finish();
    this.#note(name, count, startedAt);
  }

  /** Loads once more, kills the server half-way, starts it again, and writes what was not acknowledged. */
  async #loadAndKill(client: Client, first: ServerProcess, dataDir: string): Promise<ServerProcess> {
    const half = Math.floor(this.#stanzas / 2);
    const lost: Write[] = [];
    // Asked shortly before, so that the kill itself waits for nothing.
    let asked: Promise<void> | undefined;
    let restarting: Promise<ServerProcess> | undefined;
    const restart = async (): Promise<ServerProcess> => {
      await first.kill('SIGKILL');
      await asked;
      const startedAt = performance.now();
      const second = await this.#start(dataDir);
      this.#note('killed and started again', 1, startedAt);
      return second;
    };
    await this.#write(
      'load again, and kill',
      client,
      this.#stanzas,
      this.#putsAround(half, {
        soon: () => {
          asked = this.#askForDelay(first).catch(() => {});
        },
        now: () => {
          restarting ??= restart();
          return restarting;
        },
      }),
      (write) => void lost.push(write),
    );
    const second = restarting === undefined ? await restart() : await restarting;
    // With a hundred writes in flight no more than that are lost; they are made again, whether they happened or not.
    if (lost.length > 0) {
      await this.#write('what was lost, again', client, lost.length, fromArray(lost), (_write, error) => {
        throw error;
      });
    }
    return second;
  }

  async *#puts(pass: number): AsyncGenerator<Write, void, undefined> {
    for await (const { key, stanza } of dumpAvail(this.#options.packagesMax)) {
      yield { kind: 'put', key, value: `${stanza}\nDemo-Pass: ${pass}` };
    }
  }

  /** All puts; the server is killed while those about the half are on their way, and the rest waits until it is back. */
  async *#putsAround(
    half: number,
    kill: { readonly soon: () => void; readonly now: () => Promise<unknown> },
  ): AsyncGenerator<Write, void, undefined> {
    let count = 0;
    let back: Promise<unknown> | undefined;
    for await (const write of this.#puts(3)) {
      if (count === Math.floor(half * 0.9)) kill.soon();
      if (count === half) back = kill.now();
      if (count === half + WRITES_AT_KILL) await back;
      yield write;
      count++;
    }
    await (back ?? kill.now());
  }

  async *#changes(): AsyncGenerator<Write, void, undefined> {
    const place = new Map(this.#keys.map((key, at) => [key, at % THIRDS]));
    for await (const { key, stanza } of dumpAvail(this.#options.packagesMax)) {
      const third = place.get(key);
      if (third === 0) yield { kind: 'put', key, value: `${stanza}\nDemo-Pass: 2` };
      if (third === 1) yield { kind: 'delete', key };
    }
  }

  async #check(client: Client, fleet: Fleet): Promise<readonly Check[]> {
    const { revision } = await client.get('\0');
    fleet.hurry();
    let startedAt = performance.now();
    const reading = new ProgressBar(this.#output, 'read the history', revision);
    const history = await readHistory(client, revision, fleet.watchers, this.#ledger, (at) => reading.to(at));
    reading.finish();
    this.#note('read the history', history.events, startedAt);

    startedAt = performance.now();
    const told = fleet.delivered;
    await this.#catchUp(fleet, history);
    this.#note('watchers catch up', fleet.delivered - told, startedAt);

    startedAt = performance.now();
    const store = await readStore(client, revision);
    const checking = new ProgressBar(this.#output, 'check the replays', fleet.watchers.length);
    const replays = await checkReplays(client, revision, fleet.watchers, store, () => checking.advance());
    checking.finish();
    this.#note('check the replays', fleet.watchers.length, startedAt);
    return [
      replays,
      checkDigests(fleet.watchers, history),
      checkHistory(history),
      checkWrites(this.#ledger),
      resumed(fleet),
    ];
  }

  /** Resolves when each watcher has been told as many events as history has for it, or when nothing comes any more. */
  async #catchUp(fleet: Fleet, history: History): Promise<void> {
    const expected = [...history.expected.values()].reduce((sum, digest) => sum + digest.count, 0);
    const told = fleet.delivered;
    const bar = new ProgressBar(this.#output, 'watchers catch up', expected - told);
    let before = -1;
    let movedAt = performance.now();
    const lacks = (): boolean =>
      fleet.watchers.some((watcher) => watcher.replay.digest.count < (history.expected.get(watcher)?.count ?? 0));
    while (lacks()) {
      bar.to(fleet.delivered - told);
      if (fleet.delivered !== before) movedAt = performance.now();
      else if (performance.now() - movedAt > STANDSTILL_MS) break;
      before = fleet.delivered;
      await sleep(CATCH_UP_LOOK_MS);
    }
    bar.finish();
  }

  async #askForDelay(server: ServerProcess): Promise<void> {
    const delay = await loopDelay(server.endpoint);
    if (delay !== undefined) this.#delays.push(delay);
  }

  #note(name: string, count: number, startedAt: number): void {
    this.#steps.push({ name, count, seconds: (performance.now() - startedAt) / 1000 });
  }

  #report(checks: readonly Check[], fleet: Fleet): void {
    const steps = this.#steps.map(({ name, count, seconds }) => [
      name,
      grouped(count),
      seconds.toFixed(2),
      grouped(count / Math.max(seconds, 0.001)),
    ]);
    const { delivered, watchers } = fleet;
    const writing = this.#steps
      .filter(({ name }) => !name.startsWith('survey'))
      .reduce((sum, { seconds }) => sum + seconds, 0);
    steps.push(['events told, in all', grouped(delivered), writing.toFixed(2), grouped(delivered / writing)]);
    this.#output.write(`\n${table(['step', 'count', 'seconds', 'per second'], steps)}\n\n`);
    const results = checks.map(({ name, count, findings }) => [
      name,
      grouped(count),
      findings.count === 0 ? 'passed' : `FAILED (${grouped(findings.count)})`,
    ]);
    this.#output.write(`${table(['check', 'count', 'result'], results)}\n`);
    for (const { name, findings } of checks) {
      for (const text of findings.texts) this.#output.write(`${name}: ${text}\n`);
    }
    const kept = watchers.reduce((sum, { replay }) => sum + replay.size, 0);
    this.#output.write(
      `\n${grouped(this.#ledger.unknown)} writes were unanswered at the kill; ${grouped(this.#ledger.unknownSeen)} of them had happened. ` +
        `${grouped(kept)} keys in ${grouped(watchers.length)} replays, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB here.\n`,
    );
    for (const { atMostSeconds, above, all } of this.#delays) {
      this.#output.write(
        `the server's event loop: held ${atMostSeconds * 1000} ms at most, over 10 ms in ${grouped(above)} of ${grouped(all)} samples\n`,
      );
    }
  }
}

/** How many writes are tried between the kill and the wait for the server's return. */
const WRITES_AT_KILL = 100;

function resumed(fleet: Fleet): Check {
  const findings = new Findings();
  const streams = new Set(fleet.watchers.map(({ plan }) => plan.stream)).size;
  if (fleet.streamsResumed !== streams) findings.add(`${fleet.streamsResumed} of ${streams} streams were resumed`);
  return { name: 'every stream was lost and resumed', count: streams, findings };
}

async function* fromArray<T>(elements: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* elements;
}
