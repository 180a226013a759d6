/**
 * Many seeds, in processes beside each other. Each has a limit of memory, and each simulation one of time: code that is broken on purpose
 * may run away, and must not take the machine along.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { LOADED, type Report, type Task } from './protocol.ts';

export interface CampaignOptions {
  readonly seeds: Iterable<number>;
  readonly mutant?: string | undefined;
  readonly faults?: boolean;
  readonly keepsTrace?: boolean;
  /** Told of each simulation as it ends. No further ones are begun once it returns false. */
  readonly ended: (report: Report) => boolean;
}

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
const PROCESSES_MAX = 4;
const MEMORY_MB_MAX = 800;
/** Of real time, for one simulation: they take half a second. */
const SIMULATION_MS_MAX = 60_000;
const LOADING_MS_MAX = 120_000;
const ERROR_CHARS_MAX = 2000;

/** Resolves when all seeds are done, or enough of them. */
export async function campaign(options: CampaignOptions): Promise<void> {
  const seeds = options.seeds[Symbol.iterator]();
  let isEnough = false;
  const next = (): number | undefined => {
    const { done, value } = isEnough ? { done: true, value: undefined } : seeds.next();
    return done === true ? undefined : value;
  };
  const ended = (report: Report): void => {
    if (!options.ended(report)) isEnough = true;
  };
  const processes = Math.min(availableParallelism(), PROCESSES_MAX);
  await Promise.all(Array.from({ length: processes }, () => workThrough(options, next, ended)));
}

/** The least of the seeds by which the mutant was found, as far as was looked; and how many were tried. */
export async function firstFinding(
  mutant: string,
  seeds: Iterable<number>,
): Promise<{ tried: number; first?: Report }> {
  const found: Report[] = [];
  let tried = 0;
  const ended = (report: Report): boolean => {
    tried++;
    if (report.violation !== undefined) found.push(report);
    return found.length === 0;
  };
  await campaign({ seeds, mutant, ended });
  const [first] = found.sort((a, b) => a.seed - b.seed);
  return first === undefined ? { tried } : { tried, first };
}

/** One process after the other: a simulation that does not come to its end takes its process along. */
async function workThrough(
  { mutant = '', faults = true, keepsTrace = false }: CampaignOptions,
  next: () => number | undefined,
  ended: (report: Report) => void,
): Promise<void> {
  let worker: ChildProcess | undefined;
  try {
    for (let seed = next(); seed !== undefined; seed = next()) {
      worker ??= await begin(mutant);
      const answer = await ask(worker, { seed, faults, keepsTrace });
      if (typeof answer !== 'string') {
        ended(answer);
        continue;
      }
      worker.kill('SIGKILL');
      worker = undefined;
      ended({ seed, violation: answer, counts: {}, digest: 0, lines: [] });
    }
  } finally {
    worker?.kill();
  }
}

/** Resolves when the code is loaded. Rejects if it cannot be. */
async function begin(mutant: string): Promise<ChildProcess> {
  const execArgv = ['--import', 'tsx', `--max-old-space-size=${MEMORY_MB_MAX}`];
  const worker = fork(WORKER, [mutant], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const answer = await said(worker, LOADING_MS_MAX);
  if (answer !== LOADED) throw new Error(typeof answer === 'string' ? answer : 'a report that nobody asked for');
  return worker;
}

/** The report, or why there is none. */
async function ask(worker: ChildProcess, task: Task): Promise<Report | string> {
  worker.send(task);
  return await said(worker, SIMULATION_MS_MAX);
}

/** What a process says next, or why it says nothing. */
async function said(worker: ChildProcess, msMax: number): Promise<Report | string> {
  let errors = '';
  const listen = (text: Buffer): void => {
    errors = (errors + text.toString()).slice(-ERROR_CHARS_MAX);
  };
  const over = new AbortController();
  const { signal } = over;
  const timer = setTimeout(() => over.abort(), msMax);
  worker.stderr?.on('data', listen);
  try {
    const answered = once(worker, 'message', { signal }).then(([message]) => message as Report | typeof LOADED);
    const died = once(worker, 'exit', { signal }).then(() => `the process died: ${errors}`);
    // Whichever is not first is given up.
    died.catch(() => undefined);
    answered.catch(() => undefined);
    return await Promise.race([answered, died]);
  } catch (error) {
    if (signal.aborted) return `not over after ${msMax} ms`;
    throw error;
  } finally {
    clearTimeout(timer);
    over.abort();
    worker.stderr?.off('data', listen);
  }
}
