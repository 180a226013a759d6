/** Real processes, from outside. */

export { type Exit, type ServerOptions, ServerProcess } from './server-process.ts';
