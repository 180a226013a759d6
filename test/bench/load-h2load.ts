/**
 * Calls by h2load (Debian's nghttp2-client): a client in C, of others, that costs less than any server here. It knows HTTP/2 and
 * nothing of gRPC, so it takes a failed call for a good one, both being HTTP 200: whoever uses it must count what the server
 * did, or the bytes that came.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** Where calls go in. */
export interface Door {
  readonly port: number;
  readonly isTls?: boolean;
  /** Of a user who has shown a password. */
  readonly token?: string;
}

export interface H2Load {
  readonly door: Door;
  readonly path: string;
  /** A file that holds the request with its five bytes before it (grpcMessage). */
  readonly bodyFile: string;
  readonly connections: number;
  readonly inFlightPerConnection: number;
  readonly amount: { readonly seconds: number } | { readonly requests: number };
  /** A file for the time of every request: a line each, so for slow work only. */
  readonly logFile?: string;
}

export interface H2LoadResult {
  /** Answers that came within the time. */
  readonly done: number;
  readonly perSecond: number;
  /** Of all DATA frames of the answers. */
  readonly dataBytes: number;
  /** 0 without a log file. */
  readonly p50Ms: number;
}

const OVERHEAD_MS_MAX = 60_000;

const WARM_REQUESTS_MIN = 500;
const WARM_REQUESTS_PER_PLACE = 20;

/** So many calls first, untimed: a server that compiles as it goes is not judged by its first second. */
export function warmUp(connections: number, inFlightPerConnection: number): { readonly requests: number } {
  return { requests: Math.max(WARM_REQUESTS_MIN, connections * inFlightPerConnection * WARM_REQUESTS_PER_PLACE) };
}

/** Whether h2load is there. Where it must be (CI is set), a missing one is an error. */
export function hasH2Load(): boolean {
  try {
    execFileSync('h2load', ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env['CI'] === undefined) return false;
    throw new Error('h2load is needed: apt-get install nghttp2-client', { cause: error });
  }
}

export async function h2load(load: H2Load): Promise<H2LoadResult> {
  const { amount, door } = load;
  const args = [
    `--clients=${load.connections}`,
    `--max-concurrent-streams=${load.inFlightPerConnection}`,
    'seconds' in amount ? `--duration=${amount.seconds * 1000}ms` : `--requests=${amount.requests}`,
    '--header=content-type: application/grpc',
    '--header=te: trailers',
    `--data=${load.bodyFile}`,
    ...(load.logFile === undefined ? [] : [`--log-file=${load.logFile}`]),
    // As gRPC's clients do: this project's node gives HTTP/1 to whoever can do that too.
    ...(door.isTls === true ? ['--npn-list=h2'] : []),
    ...(door.token === undefined ? [] : [`--header=token: ${door.token}`]),
    `${door.isTls === true ? 'https' : 'http'}://127.0.0.1:${door.port}${load.path}`,
  ];
  const output = await outputOf(args, 'seconds' in amount ? amount.seconds * 1000 + OVERHEAD_MS_MAX : OVERHEAD_MS_MAX);
  if (door.isTls === true && !/^TLS Protocol: TLS/m.test(output)) throw new Error(`h2load spoke no TLS:\n${output}`);
  const done = numberIn(output, /(\d+) done/);
  const succeeded = numberIn(output, /(\d+) succeeded/);
  if (succeeded !== done || done === 0) throw new Error(`h2load: ${succeeded} of ${done} succeeded:\n${output}`);
  return {
    done,
    perSecond: numberIn(output, /([\d.]+) req\/s,/),
    dataBytes: numberIn(output, /\((\d+)\) data/),
    p50Ms: load.logFile === undefined ? 0 : await medianOfLog(load.logFile),
  };
}

async function outputOf(args: readonly string[], withinMs: number): Promise<string> {
  const child = spawn('h2load', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.on('exit', endWithUs);
  const timer = setTimeout(endWithUs, withinMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  try {
    const [code, signal] = await once(child, 'close');
    if (code !== 0) throw new Error(`h2load ended with ${code ?? signal}:\n${output}`);
    return output;
  } finally {
    clearTimeout(timer);
    process.off('exit', endWithUs);
  }
}

function numberIn(output: string, pattern: RegExp): number {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`h2load does not say ${pattern.source}:\n${output}`);
  return Number(found);
}

/** Lines of h2load's log: start in us, status, time in us. */
async function medianOfLog(file: string): Promise<number> {
  const lines = (await readFile(file, 'latin1')).trimEnd().split('\n');
  const times = lines.map((line) => Number(line.split('\t')[2])).sort((a, b) => a - b);
  return (times[Math.floor(times.length / 2)] ?? 0) / 1000;
}
