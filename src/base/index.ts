export * from './assert.ts';
export * from './clock.ts';
export * from './crc32c.ts';
export * from './error.ts';
export * from './key.ts';
export * from './prng.ts';
