/**
 * npm run sim -- --seed N | --seeds A..B | --minutes M    [--trace] [--no-faults]
 *
 *     --seed N       one simulation, and how it went
 *     --seeds A..B   those of A to B
 *     --minutes M    fresh ones for so long, from a seed that is printed
 *     --trace        everything that happened, not only the end of a simulation that failed
 *     --no-faults    nothing goes wrong
 */

import { parseArgs } from 'node:util';
import { type Outcome, simulate } from './simulation.ts';

const TRACE_LINES = 60;
const { log } = console;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'no-faults': { type: 'boolean', default: false },
  },
});

/** The seeds to go through, and until when (of Date.now). */
function wanted(): { readonly from: number; readonly to: number; readonly until: number } {
  const until = Number.POSITIVE_INFINITY;
  if (values.seed !== undefined) return { from: Number(values.seed), to: Number(values.seed), until };
  if (values.seeds !== undefined) {
    const [from, to] = values.seeds.split('..').map(Number);
    return { from: from ?? 1, to: to ?? from ?? 1, until };
  }
  const from = Math.floor(Math.random() * 2 ** 40);
  return { from, to: Number.MAX_SAFE_INTEGER, until: Date.now() + Number(values.minutes ?? 1) * 60_000 };
}

function report({ seed, violation, trace }: Outcome): void {
  const lines = trace.tail(values.trace ? Number.POSITIVE_INFINITY : TRACE_LINES);
  if (violation !== undefined || values.trace) log(lines.join('\n'));
  if (violation === undefined) return;
  log(`\nseed ${seed}: ${violation}\n`);
  log(`to repeat it:  npm run sim -- --seed ${seed}${values['no-faults'] ? ' --no-faults' : ''} [--trace]\n`);
}

async function main(): Promise<void> {
  const { from, to, until } = wanted();
  if (to > from) log(`from seed ${from}`);
  const begun = Date.now();
  const totals = new Map<string, number>();
  let ran = 0;
  let failed = 0;
  for (let seed = from; seed <= to && Date.now() < until; seed++) {
    const outcome = await simulate(seed, { faults: !values['no-faults'], keepsTrace: values.trace });
    report(outcome);
    ran++;
    if (outcome.violation !== undefined) failed++;
    for (const [name, count] of Object.entries(outcome.counts)) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  log([...totals].map(([name, count]) => `${name} ${count}`).join(', '));
  log(`${ran} simulations in ${((Date.now() - begun) / 1000).toFixed(1)} s, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();
