export { clusterIdOf, memberIdOf } from './member-id.ts';
export { type Parsed, parse } from './parse.ts';
export { bootstrapProblem, type ServerConfig } from './server-config.ts';
