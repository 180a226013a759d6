/** Real processes, from outside. */

export { commandOf, requireBuilt } from './command.ts';
export { serverSaid } from './server-output.ts';
export { type Exit, type ServerOptions, ServerProcess } from './server-process.ts';
