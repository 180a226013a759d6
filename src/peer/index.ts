export * from './ask-members.ts';
export * from './grpc-transport.ts';
export * from './limits.ts';
export * from './memory-network.ts';
export * from './observer.ts';
export * from './peer-service.ts';
export * from './transport.ts';
