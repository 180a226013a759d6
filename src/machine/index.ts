export * from './alarm.ts';
export * from './lease-item.ts';
export * from './machine.ts';
export * from './membership.ts';
export * from './permission.ts';
export * from './quota.ts';
export * from './request.ts';
