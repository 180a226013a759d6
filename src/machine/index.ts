export * from './alarm.ts';
export * from './machine.ts';
export * from './membership.ts';
export * from './quota.ts';
export * from './request.ts';
