export * from './health.ts';
export * from './http/probes.ts';
export * from './http/routes.ts';
export * from './method-table.ts';
export * from './services.ts';
export { type SentKind, type WatchOptions, watchMethod } from './watch/watch-method.ts';
