/** The runner: a cluster in the foreground, its screen, and its ear for commands, until it is told to end. */

import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from './commands.ts';
import { callControl, NoRunnerError, serveControl } from './control.ts';
import { endLeftovers } from './leftovers.ts';
import { LocalCluster, memberMarks } from './local-cluster.ts';
import type { RunnerOptions } from './options.ts';
import { type Output, Screen } from './screen.ts';

const SHOW_EVERY_MS = 500;
const ANSWER_TAKEN_WITHIN_MS = 1_000;

/** Resolves to the exit code when `stop` is aborted or a second shell says `down`. */
export async function run(options: RunnerOptions, output: Output, stop: AbortController): Promise<number> {
  const screen = new Screen(output, `Ctrl-C stops all. Data and logs: ${options.directory}\n${HINT}`);
  let cluster: LocalCluster | undefined;
  const gone = new AbortController();
  const control = await serveIn(options, async (words) => {
    if (words[0] === 'down') {
      stop.abort();
      await aborted(gone.signal);
      return 'all members are stopped';
    }
    if (cluster === undefined) throw new Error('the cluster is starting');
    const answer = await command(cluster, words);
    if (words[0] !== 'status') screen.note(answer);
    return answer;
  });
  try {
    cluster = await LocalCluster.start({
      command: options.server,
      directory: options.directory,
      size: options.size,
      fresh: options.fresh,
      secure: options.secure,
      firstPort: options.firstPort,
      onNote: (text) => screen.note(text),
    });
    screen.begin();
    await showUntil(stop.signal, cluster, screen);
    screen.note('stopping');
    await cluster.down();
    screen.show(await cluster.look(), cluster.faults);
  } finally {
    gone.abort();
    await closed(control);
    screen.end();
  }
  return 0;
}

/** Sends a command to the runner of that directory. Resolves to the exit code. */
export async function ask(options: RunnerOptions, output: Output, errors: Output): Promise<number> {
  try {
    const { ok, text } = await callControl(options.directory, options.command);
    (ok ? output : errors).write(`${text}\n`);
    return ok ? 0 : 1;
  } catch (error) {
    if (!(error instanceof NoRunnerError)) throw error;
    if (options.command[0] !== 'down') throw error;
    // A runner that was killed can leave members behind.
    const ended = await endLeftovers(await memberMarks(options.directory));
    output.write(ended === 0 ? 'nothing runs\n' : `${ended} members without a runner are ended\n`);
    return 0;
  }
}

const HINT = 'From another shell: npm run cluster -- kill n1 | start n1 | cut n1 n2 | --help';

async function serveIn(
  options: RunnerOptions,
  handle: (words: readonly string[]) => Promise<string>,
): ReturnType<typeof serveControl> {
  await mkdir(options.directory, { recursive: true });
  return serveControl(options.directory, handle);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Resolves when whoever asked for the end has its answer, or does not take it. */
async function closed(control: Server): Promise<void> {
  const patience = new AbortController();
  const late = sleep(ANSWER_TAKEN_WITHIN_MS, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([new Promise((resolve) => control.close(resolve)), late]);
  patience.abort();
}

async function showUntil(stopped: AbortSignal, cluster: LocalCluster, screen: Screen): Promise<void> {
  while (!stopped.aborted) {
    screen.show(await cluster.look(), cluster.faults);
    await sleep(SHOW_EVERY_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
}
