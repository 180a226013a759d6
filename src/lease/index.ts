export * from './deadline-heap.ts';
export * from './lease-time.ts';
export * from './leases.ts';
export * from './lessor.ts';
export * from './limits.ts';
