export * from './client-port.ts';
export * from './grpc-js/server.ts';
export * from './http/route.ts';
export * from './http/server.ts';
export * from './observer.ts';
export * from './port.ts';
export * from './port-mux.ts';
export * from './server.ts';
