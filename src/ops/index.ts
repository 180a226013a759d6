export type { Logger } from '../base/index.ts';
export * from './failpoints/gofail.ts';
export * from './logger.ts';
export * from './memory-logger.ts';
export type { Counts, Live } from './metric-names.ts';
export * from './metrics.ts';
export * from './rate-limited-log.ts';
export { boundYoungGeneration } from './young-generation.ts';
