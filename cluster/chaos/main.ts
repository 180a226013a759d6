/** npm run chaos: see chaos.ts for what it does. Exits with 0 if every check passed, 1 if one failed, 2 for bad arguments. */

import { Chaos } from './chaos.ts';
import { type ChaosOptions, parseOptions, USAGE } from './options.ts';

async function main(): Promise<number> {
  let options: ChaosOptions | undefined;
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
  const stop = new AbortController();
  // The first Ctrl-C ends the torment, and what there is is checked; the second ends it all.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));
  }
  try {
    return (await new Chaos(options, process.stdout).run(stop.signal)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exit(await main());
