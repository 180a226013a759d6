#!/usr/bin/env node
/** The server's entry: reads the configuration, opens the log, hands both to the server. The only place with argv and exit codes. */

import { readFileSync, writeSync } from 'node:fs';
import type { Logger } from '../base/index.ts';
import { createLogger } from '../ops/index.ts';
import type { Note } from './note.ts';
import { parse } from './parse.ts';
import type { Runtime } from './usage.ts';

const STDOUT = 1;
const STDERR = 2;

function runtime(): Runtime {
  const { version } = JSON.parse(readText(new URL('../../package.json', import.meta.url))) as { version: string };
  return {
    node: process.version,
    platform: process.platform,
    architecture: process.arch,
    version,
    // An image that was built without one has it empty.
    commit: process.env['WATCHRAFT_COMMIT'] || undefined,
  };
}

function readText(path: string | URL): string {
  return readFileSync(path, 'utf8');
}

function write(notes: readonly Note[], logger: Logger): void {
  for (const { level, message, fields } of notes) logger[level](message, fields);
}

async function main(): Promise<number> {
  // For those who write the libraries, not for those who read the log: grpc-js names the address of a peer where TLS expects a host.
  process.noDeprecation = true;
  if (process.argv[2] === 'snapshot') return await snapshot(process.argv.slice(3));
  const parsed = parse(process.argv.slice(2), process.env, readText, runtime());
  const early = createLogger({ level: 'info', format: 'json', outputs: ['default'] });
  if (parsed.kind === 'exit') {
    // Usage before the flags, as they are read when both go to a terminal.
    if (parsed.stderr !== '') writeSync(STDERR, parsed.stderr);
    if (parsed.stdout !== '') writeSync(STDOUT, parsed.stdout);
    write(parsed.notes, early);
    return parsed.code;
  }
  let logger: Logger;
  try {
    logger = createLogger(parsed.config.log);
  } catch (error) {
    early.error('cannot open the log', { error });
    return 1;
  }
  write(parsed.notes, logger);
  try {
    // Loaded only here: answering --version takes none of it.
    const { startServer } = await import('./server.ts');
    await startServer(parsed.config, logger, process.env);
    return 0;
  } catch (error) {
    logger.fatal('the server stops', { error });
    return 1;
  }
}

async function snapshot(argv: readonly string[]): Promise<number> {
  const { snapshotCommand } = await import('./snapshot-command.ts');
  return await snapshotCommand(argv, {
    logger: createLogger({ level: 'info', format: 'json', outputs: ['default'] }),
    out: (text) => void writeSync(STDOUT, text),
    err: (text) => void writeSync(STDERR, text),
  });
}

process.exitCode = await main();
