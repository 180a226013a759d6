export * from './backend.ts';
export * from './event.ts';
export * from './key-value.ts';
export * from './operation.ts';
