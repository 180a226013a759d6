/** What the bench asks a load process to do, and what it hears of it. All of it crosses a process boundary as JSON. */

import type { LatencyCounts } from './latency-histogram.ts';
import type { LeasePlan } from './lease-load.ts';
import type { MillionPlan, MillionResult } from './million-load.ts';
import type { Pace } from './put-load.ts';
import type { WatcherPlan } from './watch-load.ts';

/** Fills the store with `keys` keys, fill/0000000000 and so on, in transactions. */
export interface FillJob {
  readonly kind: 'fill';
  readonly port: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** As many as a server takes by default, unless said otherwise. */
  readonly putsPerTxn?: number;
  readonly txnsInFlight?: number;
}

/** Opens the watchers, then as many again, and holds them until it is told to end. */
export interface HoldJob {
  readonly kind: 'hold';
  readonly port: number;
  readonly watchers: WatcherPlan;
}

/** Opens the watchers, puts to their keys, measures what they receive, and waits until all of them have received all. */
export interface WatchJob {
  readonly kind: 'watch';
  readonly port: number;
  /** Where to put, if not there: another member. */
  readonly putPort?: number;
  /** Of the server, for its processor time. */
  readonly pid: number;
  readonly watchers: WatcherPlan;
  readonly pace: Pace;
  readonly warmMs: number;
  readonly measureMs: number;
  /** A watcher of the first key more, that stops reading: alone on its connection, or on one that others share. */
  readonly stuck: 'none' | 'alone' | 'shared';
}

/** Puts to one key. */
export interface PutJob {
  readonly kind: 'put';
  readonly port: number;
  readonly putsInFlight: number;
  readonly measureMs: number;
}

export interface PutResult {
  readonly putsPerSecond: number;
  /** The longest time in which no put was answered. */
  readonly longestStallMs: number;
}

/** Grants the leases, renews them all at once, and then `rounds` times more, one round every so often; says `drained` with the leases alive. */
export interface KeepAliveJob {
  readonly kind: 'keepAlive';
  readonly plan: LeasePlan;
  readonly rounds: number;
  readonly everyMs: number;
}

export interface KeepAliveResult {
  readonly answered: number;
  /** From the question to the answer. */
  readonly longestMs: number;
}

/** Grants the leases, keeps them alive as fast as it goes, and revokes them. */
export interface LeaseJob {
  readonly kind: 'lease';
  readonly plan: LeasePlan;
  readonly warmMs: number;
  readonly measureMs: number;
}

export interface LeaseResult {
  readonly grantsPerSecond: number;
  readonly keepAlivesPerSecond: number;
  readonly revokesPerSecond: number;
}

/** A million watchers: see million-load.ts. */
export interface MillionJob {
  readonly kind: 'million';
  readonly port: number;
  /** Of the server, for its processor time. */
  readonly pid: number;
  readonly plan: MillionPlan;
}

export type LoadJob = FillJob | HoldJob | WatchJob | PutJob | KeepAliveJob | LeaseJob | MillionJob;

/** What each kind of job gives. */
export interface LoadResults {
  readonly fill: null;
  readonly hold: null;
  readonly watch: WatchResult;
  readonly put: PutResult;
  readonly keepAlive: KeepAliveResult;
  readonly lease: LeaseResult;
  readonly million: MillionResult;
}

export type LoadResult = LoadResults[LoadJob['kind']];

export interface WatchResult {
  readonly eventsPerSecond: number;
  readonly putsPerSecond: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delays: LatencyCounts;
  /** Processor time of the server. */
  readonly serverUsPerEvent: number;
  /** Share of one processor that the load process used: near 1, it measured itself. */
  readonly clientBusy: number;
}

/**
 * When the load process waits until it is told to go on. `open`: the watchers are there and nothing is put yet; `doubled`: as many again are;
 * `drained`: they have received all, and are still there (or its leases are).
 */
export type LoadPause = 'open' | 'doubled' | 'drained';

export type LoadReport =
  | { readonly kind: LoadPause }
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly reason: string };
