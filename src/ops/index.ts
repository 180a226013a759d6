export type { Logger } from '../base/index.ts';
export * from './logger.ts';
export * from './memory-logger.ts';
