/** The bench's side of a load process: starts it, gives it its job, and ends it whatever happens. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadJob, LoadReport, WatchJob, WatchResult } from './load-job.ts';

const LOAD_PROCESS = fileURLToPath(new URL('./load-process.ts', import.meta.url));

/** Over what a job itself says that it takes: opening watchers, catching up after the last put. */
const JOB_OVERHEAD_MS_MAX = 120_000;

/** What is to be done while the load process waits (LoadReport says when). */
export interface Pauses {
  readonly open?: () => Promise<void>;
  readonly drained?: () => Promise<void>;
}

/** Runs the job and gives its result. Rejects with the reason if the job fails or takes too long. */
export async function runLoad(job: LoadJob, pauses: Pauses = {}): Promise<WatchResult | null> {
  const child = fork(LOAD_PROCESS, { execArgv: ['--import', import.meta.resolve('tsx')] });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.on('exit', endWithUs);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<WatchResult | null>((resolve, reject) => {
      const ms = JOB_OVERHEAD_MS_MAX + (job.kind === 'watch' ? job.warmMs + job.measureMs : 0);
      timer = setTimeout(() => reject(new Error(`the load process was not done within ${ms} ms`)), ms);
      child.on('error', reject);
      child.on('exit', (code, signal) => reject(new Error(`the load process ended early: ${code ?? signal}`)));
      child.on('message', (message: LoadReport) => {
        if (message.kind === 'done') resolve(message.result);
        else if (message.kind === 'failed') reject(new Error(message.reason));
        else (pauses[message.kind]?.() ?? Promise.resolve()).then(() => child.send({}), reject);
      });
      child.send(job);
    });
  } finally {
    clearTimeout(timer);
    process.off('exit', endWithUs);
    child.kill('SIGKILL');
  }
}

/** Runs a job that measures watchers. */
export async function runWatchLoad(job: WatchJob, pauses?: Pauses): Promise<WatchResult> {
  const result = await runLoad(job, pauses);
  if (result === null) throw new Error('the load process measured nothing');
  return result;
}
