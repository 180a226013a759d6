/** npm run cluster: see options.ts for what it takes. Exits with 0, 1 if something failed, 2 for bad arguments. */

import { parseOptions, type RunnerOptions, USAGE } from './options.ts';
import { ask, run } from './runner.ts';

async function main(): Promise<number> {
  let options: RunnerOptions | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    if (options.command.length > 0) return await ask(options, process.stdout, process.stderr);
    const stop = new AbortController();
    // Ctrl-C reaches npm and us, who then hears of it twice: the first is enough.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
    return await run(options, process.stdout, stop);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exit(await main());
