/**
 * npm run bench: this node against Debian's etcd, on the same work, the same machine and the same disk, in one run.
 *
 *     npm run bench -- [--quick] [--only puts,fanout] [--rounds 3] [--keys 1000000] [--side ours] [--server 'node dist/cli/main.js']
 *                      [--dir /var/tmp] [--port 24700] [--write] [--json file]
 *
 * Prints a table, and with --write puts it into RESULTS.md, where there is one that names this command. Ends with 1 if anything failed. The whole takes half an hour.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parsedOrUsage } from '../support/script-options.ts';
import { Bench, type BenchOptions } from './bench.ts';
import { hasH2Load } from './load-h2load.ts';
import { describeMachine, loadAverage } from './machine.ts';
import { rowsOf, tableOf, timesOf, withTable } from './report.ts';
import type { Side } from './server-process.ts';
import type { Work } from './work.ts';
import { cluster } from './work-cluster.ts';
import { delay, fanout } from './work-fanout.ts';
import { leaseEnds, leases } from './work-leases.ts';
import { memory } from './work-memory.ts';
import { million } from './work-million.ts';
import { puts } from './work-puts.ts';
import { ranges } from './work-ranges.ts';
import { secure } from './work-secure.ts';
import { slowWatcher } from './work-slow-watcher.ts';
import { startup } from './work-startup.ts';

const RESULTS = join(import.meta.dirname, 'RESULTS.md');
const OURS = [process.execPath, resolve(import.meta.dirname, '../../dist/cli/main.js')];
/** Of the table. */
const WORKS: readonly Work[] = [
  puts,
  cluster,
  ranges,
  fanout,
  delay,
  slowWatcher,
  secure,
  leases,
  leaseEnds,
  memory,
  startup(),
];
/** Only by --only. */
const WORKS_ON_REQUEST: readonly Work[] = [million];

const USAGE = `npm run bench -- [--quick] [--only puts,fanout] [--rounds 3] [--keys 1000000] [--side ours] [--server 'node dist/cli/main.js']
                 [--dir /var/tmp] [--port 24700] [--write] [--json file]
`;

const { values } = parsedOrUsage(
  () =>
    parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        rounds: { type: 'string' },
        keys: { type: 'string' },
        side: { type: 'string' },
        server: { type: 'string' },
        dir: { type: 'string', default: tmpdir() },
        port: { type: 'string', default: '24700' },
        write: { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    }),
  USAGE,
);

function optionsOf(): BenchOptions {
  const only = values.only?.split(',');
  const all = [...WORKS, ...WORKS_ON_REQUEST];
  const unknown = only?.find((name) => !all.some((work) => work.name === name));
  if (unknown !== undefined) throw new Error(`--only: no ${unknown}, but ${all.map(({ name }) => name).join(', ')}`);
  if (values.side !== undefined && values.side !== 'ours' && values.side !== 'etcd') {
    throw new Error(`--side: ours or etcd, not ${values.side}`);
  }
  const commands: Record<Side, readonly string[]> = { ours: values.server?.split(/\s+/) ?? OURS, etcd: ['etcd'] };
  return {
    commands: values.side === undefined ? commands : { [values.side]: commands[values.side] },
    works: only === undefined ? WORKS : all.filter(({ name }) => only.includes(name)),
    rounds: wholeNumber('rounds', values.rounds ?? (values.quick ? '1' : '3')),
    isQuick: values.quick,
    keys: wholeNumber('keys', values.keys ?? (values.quick ? '1000' : '1000000')),
    directory: values.dir,
    port: wholeNumber('port', values.port),
    progress: (text) => process.stderr.write(`${text}\n`),
  };
}

/** Of the works that were done. */
function roundsAtMost(): number {
  return Math.max(...options.works.map(({ roundsMax = options.rounds }) => Math.min(options.rounds, roundsMax)));
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name}: a whole number above 0, not ${text}`);
  return number;
}

/** A signal is no reason to leave servers and files behind: what is registered for the end of the process removes them. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const options = optionsOf();
if (!hasH2Load()) throw new Error('h2load is missing: apt-get install nghttp2-client');
execFileSync('etcd', ['--version'], { stdio: 'ignore' });

// Not after half an hour, but now.
if (values.write) withTable(readFileSync(RESULTS, 'utf8'), '', values.only);

const loadBefore = loadAverage();
const { samples, failures, seconds, isPinned } = await new Bench(options).run();
const rows = rowsOf(samples);
const table = `${describeMachine(options.directory, isPinned, loadBefore)}; rounds: ${roundsAtMost()}.\n\n${tableOf(rows)}\n${timesOf(seconds)}\n`;
process.stdout.write(`\n${table}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rows, failures }, undefined, 2)}\n`);
if (values.write && failures.length === 0)
  writeFileSync(RESULTS, withTable(readFileSync(RESULTS, 'utf8'), table, values.only));
for (const failure of failures) process.stdout.write(`\nFAILED: ${failure}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
