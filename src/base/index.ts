export * from './assert.ts';
export * from './clock.ts';
export * from './crc32c.ts';
export * from './duration.ts';
export * from './error.ts';
export * from './key.ts';
export * from './logger.ts';
export * from './prng.ts';
