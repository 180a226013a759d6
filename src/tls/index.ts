export * from './acceptor.ts';
export * from './address.ts';
export * from './cipher-suites.ts';
export * from './credential-files.ts';
export * from './credentials.ts';
export * from './names.ts';
export * from './self-signed.ts';
