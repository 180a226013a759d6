export * from './no-peers.ts';
export * from './transport.ts';
