export type { WatcherDescription } from './describe.ts';
export type { WatchGauges } from './gauges.ts';
export { type Interval, IntervalTree } from './interval-tree.ts';
export * from './limits.ts';
export { SharedEvent } from './shared-event.ts';
export { ALL_WATCHERS, type WatchResponse, watchIdOf } from './watch-response.ts';
export {
  AUTO_WATCH_ID,
  type WatchReader,
  type WatchRefusal,
  type WatchRequest,
  type WatchResult,
  WatchStream,
} from './watch-stream.ts';
export type { Watchable } from './watchable.ts';
export { WatchableStore, type WatchableStoreOptions } from './watchable-store.ts';
export { PLAIN, type Watcher, type WatcherOptions, type WatcherState } from './watcher.ts';
