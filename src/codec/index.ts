export * from './alarm-request.ts';
export * from './internal-request.ts';
export * from './kv-request.ts';
export * from './kv-response.ts';
export * from './proto-reader.ts';
export * from './proto-writer.ts';
export * from './response-header.ts';
