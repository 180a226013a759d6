/** The bench's side of a load process: starts it, gives it its job, and ends it whatever happens. */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadJob, LoadPause, LoadReport, LoadResults } from './load-job.ts';

const LOAD_PROCESS = fileURLToPath(new URL('./load-process.ts', import.meta.url));

/** Over what a job itself says that it takes: opening watchers, catching up after the last put. */
const JOB_OVERHEAD_MS_MAX = 120_000;

/** What is to be done while the load process waits (LoadReport says when). */
export type Pauses = Partial<Readonly<Record<LoadPause, () => Promise<void>>>>;

/** Runs the job and gives its result. Rejects with the reason if the job fails or takes too long. */
export async function runLoad<J extends LoadJob>(job: J, pauses: Pauses = {}): Promise<LoadResults[J['kind']]> {
  const child = fork(LOAD_PROCESS, { execArgv: ['--import', import.meta.resolve('tsx')] });
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.on('exit', endWithUs);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<LoadResults[J['kind']]>((resolve, reject) => {
      const ms = JOB_OVERHEAD_MS_MAX + workMs(job);
      timer = setTimeout(() => reject(new Error(`the load process was not done within ${ms} ms`)), ms);
      child.on('error', reject);
      child.on('exit', (code, signal) => reject(new Error(`the load process ended early: ${code ?? signal}`)));
      child.on('message', (message: LoadReport) => {
        if (message.kind === 'done') resolve(message.result as LoadResults[J['kind']]);
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

/** How long a job means to take, apart from making ready. */
function workMs(job: LoadJob): number {
  switch (job.kind) {
    case 'fill':
    case 'hold':
      return 0;
    case 'put':
      return job.measureMs;
    case 'million':
      return job.plan.openWithinMs + job.plan.puts * job.plan.everyMs;
    case 'keepAlive':
      return job.rounds * job.everyMs;
    case 'watch':
    case 'lease':
      return job.warmMs + job.measureMs;
    default:
      return job satisfies never;
  }
}
