export * from './auth-records.ts';
export * from './auth-store.ts';
export * from './caller.ts';
export * from './permission.ts';
export * from './range-set.ts';
export * from './request.ts';
