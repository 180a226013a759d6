/**
 * The load process: the raw client in a process of its own, so that nothing of the bench disturbs it. Started by load-child.ts,
 * which sends it one job; it reports `open` when its watchers are there, goes on at any message, reports the result and ends.
 */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fill } from './fill-load.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { grantLeases, KeepAliveLoad, revokeLeases } from './lease-load.ts';
import type {
  KeepAliveJob,
  KeepAliveResult,
  LeaseJob,
  LeaseResult,
  LoadJob,
  LoadPause,
  LoadReport,
  LoadResult,
  MillionJob,
  PutJob,
  PutResult,
  WatchJob,
  WatchResult,
} from './load-job.ts';
import { MillionLoad, type MillionResult } from './million-load.ts';
import { processorMs } from './process-usage.ts';
import { PutLoad } from './put-load.ts';
import { RawConnection } from './raw-client.ts';
import { createMessage, openWatchStream, WatchLoad } from './watch-load.ts';

/** How long the last events may take to come when nothing more is put. */
const DRAIN_WITHIN_MS = 60_000;
/** Of puts that nobody watches. */
const PUT_VALUE_BYTES = 256;

/** Ends the process: whatever fails here makes the numbers worthless. */
function fail(error: Error): void {
  process.send?.({ kind: 'failed', reason: error.message } satisfies LoadReport, () => process.exit(1));
}

async function toldToGoOn(after: LoadPause): Promise<void> {
  process.send?.({ kind: after } satisfies LoadReport);
  await once(process, 'message');
}

async function watch(job: WatchJob): Promise<WatchResult> {
  const watchers = new WatchLoad(job.watchers, fail);
  await watchers.open(job.port);
  if (job.stuck !== 'none') await openStuck(job, watchers);
  await toldToGoOn('open');

  const { keys, valueBytes } = job.watchers;
  const puts = await PutLoad.open(job.putPort ?? job.port, { keys, valueBytes, failed: fail });
  watchers.follow(puts);
  puts.start(job.pace);
  await sleep(job.warmMs);

  const delays = new LatencyHistogram();
  watchers.delays = delays;
  const before = { events: watchers.events, puts: puts.done, server: processorMs(job.pid), client: process.cpuUsage() };
  const startedAt = performance.now();
  await sleep(job.measureMs);
  // However short the time and busy the machine, something was measured.
  await watchers.received(before.events + 1);
  const seconds = (performance.now() - startedAt) / 1000;
  const events = watchers.events - before.events;
  const putsDone = puts.done - before.puts;
  const serverMs = processorMs(job.pid) - before.server;
  const client = process.cpuUsage(before.client);
  watchers.delays = undefined;

  await puts.stop();
  // Every watcher of a key hears of every put of it, sooner or later; the keys are put in turn.
  const expected = expectedEvents(job, puts.done);
  const late = (): void => fail(new Error(`${watchers.events} of ${expected} events came`));
  const timer = setTimeout(late, DRAIN_WITHIN_MS);
  await watchers.received(expected);
  clearTimeout(timer);
  if (watchers.events > expected) late();
  await toldToGoOn('drained');
  watchers.close();
  puts.close();
  return {
    eventsPerSecond: events / seconds,
    putsPerSecond: putsDone / seconds,
    delayP50Ms: delays.quantileMs(0.5),
    delayP99Ms: delays.quantileMs(0.99),
    delays: delays.counts,
    serverUsPerEvent: (serverMs * 1000) / Math.max(events, 1),
    clientBusy: (client.user + client.system) / 1e6 / seconds,
  };
}

function expectedEvents(job: WatchJob, puts: number): number {
  const { keys, streams, watchersPerStream } = job.watchers;
  const watchers = streams * watchersPerStream;
  let events = 0;
  for (let key = 0; key < keys.length; key++) {
    const putsOfKey = Math.floor(puts / keys.length) + (key < puts % keys.length ? 1 : 0);
    const watchersOfKey = Math.floor(watchers / keys.length) + (key < watchers % keys.length ? 1 : 0);
    events += putsOfKey * watchersOfKey;
  }
  return events;
}

/** A watcher that takes what its stream's first window holds and no more. Alone on a connection, it does not read that either. */
async function openStuck(job: WatchJob, watchers: WatchLoad): Promise<void> {
  const ignore = { message: () => {}, ended: () => fail(new Error('the stuck stream ended')) };
  const shared = job.stuck === 'shared' ? watchers.firstConnection : undefined;
  const connection = shared ?? (await RawConnection.open(job.port));
  const stream = openWatchStream(connection, job.port, 'initial', ignore);
  connection.send(stream, createMessage(job.watchers.keys[0] ?? ''), false);
  connection.flush();
  if (shared === undefined) connection.stopReading();
}

async function put({ port, putsInFlight, measureMs }: PutJob): Promise<PutResult> {
  const puts = await PutLoad.open(port, { keys: ['load'], valueBytes: PUT_VALUE_BYTES, failed: fail });
  const startedAt = performance.now();
  puts.start({ putsInFlight });
  await sleep(measureMs);
  await puts.stop();
  const putsPerSecond = (1000 * puts.done) / (performance.now() - startedAt);
  puts.close();
  return { putsPerSecond, longestStallMs: puts.longestStallMs };
}

async function keepAlive({ plan, rounds, everyMs }: KeepAliveJob): Promise<KeepAliveResult> {
  await grantLeases(plan);
  const load = await KeepAliveLoad.open(plan, fail);
  await load.round();
  await toldToGoOn('open');
  // From beat to beat: a round that takes long does not put off the next.
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++) {
    await load.round();
    await sleep(Math.max(0, startedAt + (round + 1) * everyMs - performance.now()));
  }
  await toldToGoOn('drained');
  const { answered, longestMs } = load;
  load.close();
  return { answered, longestMs };
}

async function leases({ plan, warmMs, measureMs }: LeaseJob): Promise<LeaseResult> {
  const perSecond = async (work: () => Promise<number>): Promise<number> => {
    const startedAt = performance.now();
    const count = await work();
    return (1000 * count) / (performance.now() - startedAt);
  };
  const all = async (work: (of: typeof plan) => Promise<void>): Promise<number> => {
    await work(plan);
    return plan.leases;
  };
  await grantLeases(plan);
  await revokeLeases(plan);
  const grantsPerSecond = await perSecond(() => all(grantLeases));
  const load = await KeepAliveLoad.open(plan, fail);
  load.start();
  await sleep(warmMs);
  const keepAlivesPerSecond = await perSecond(async () => {
    const before = load.answered;
    await sleep(measureMs);
    return load.answered - before;
  });
  await load.stop();
  load.close();
  const revokesPerSecond = await perSecond(() => all(revokeLeases));
  return { grantsPerSecond, keepAlivesPerSecond, revokesPerSecond };
}

async function million({ port, pid, plan }: MillionJob): Promise<MillionResult> {
  const load = new MillionLoad(port, plan, fail);
  await load.open();
  await toldToGoOn('open');
  const result = await load.run(pid, DRAIN_WITHIN_MS);
  await toldToGoOn('drained');
  load.close();
  return result;
}

async function run(job: LoadJob): Promise<LoadResult> {
  switch (job.kind) {
    case 'fill':
      await fill(job);
      return null;
    case 'hold': {
      const watchers = new WatchLoad(job.watchers, fail);
      await watchers.open(job.port);
      await toldToGoOn('open');
      const again = new WatchLoad(job.watchers, fail);
      await again.open(job.port);
      await toldToGoOn('doubled');
      return null;
    }
    case 'watch':
      return watch(job);
    case 'put':
      return put(job);
    case 'keepAlive':
      return keepAlive(job);
    case 'lease':
      return leases(job);
    case 'million':
      return million(job);
    default:
      return job satisfies never;
  }
}

// Without the bench there is nobody to measure for.
process.once('disconnect', () => process.exit(1));
const [job] = (await once(process, 'message')) as [LoadJob];
try {
  const result = await run(job);
  process.send?.({ kind: 'done', result } satisfies LoadReport, () => process.exit(0));
} catch (error) {
  fail(error instanceof Error ? error : new Error(String(error)));
}
