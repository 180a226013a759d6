/**
 * npm run sim -- --seed N | --seeds A..B | --minutes M | --mutants all    [--mutant NAME] [--trace] [--no-faults]
 *
 *     --seed N        one simulation, and how it went
 *     --seeds A..B    those of A to B, on all processors
 *     --minutes M     fresh ones for so long, from a seed that is printed
 *     --mutant NAME   of code that is broken on purpose (mutants.ts)
 *     --mutants NAME,NAME | all    whether each of these is still found, by which seed, and what was seen: the table of README.md
 *     --trace         everything that happened, not only the end of a simulation that failed
 *     --no-faults     nothing goes wrong
 */

import { parseArgs } from 'node:util';
import { parsedOrUsage } from '../support/script-options.ts';
import { campaign, firstFinding } from './campaign.ts';
import { MUTANTS, mutantOf } from './mutants.ts';
import type { Report } from './protocol.ts';

const SEEDS_MAX = 300;
const { log } = console;

const USAGE = `npm run sim -- --seed N | --seeds A..B | --minutes M | --mutants all    [--mutant NAME] [--trace] [--no-faults]
`;

const { values } = parsedOrUsage(
  () =>
    parseArgs({
      options: {
        seed: { type: 'string' },
        seeds: { type: 'string' },
        minutes: { type: 'string' },
        mutant: { type: 'string' },
        mutants: { type: 'string' },
        trace: { type: 'boolean', default: false },
        'no-faults': { type: 'boolean', default: false },
      },
    }),
  USAGE,
);

/** The seeds to go through, and until when (of Date.now). */
function wanted(): { readonly from: number; readonly to: number; readonly until: number } {
  const until = Number.POSITIVE_INFINITY;
  if (values.seed !== undefined) return { from: Number(values.seed), to: Number(values.seed), until };
  if (values.seeds !== undefined) {
    const [from, to] = values.seeds.split('..').map(Number);
    return { from: from ?? 1, to: to ?? from ?? 1, until };
  }
  const from = Math.floor(Math.random() * 2 ** 32);
  return { from, to: Number.MAX_SAFE_INTEGER, until: Date.now() + Number(values.minutes ?? 1) * 60_000 };
}

function* range(from: number, to: number): Iterable<number> {
  for (let seed = from; seed <= to; seed++) yield seed;
}

function print({ seed, violation, lines }: Report): void {
  if (lines.length > 0) log(lines.join('\n'));
  if (violation === undefined) return;
  const options = `${values.mutant === undefined ? '' : ` --mutant ${values.mutant}`}${values['no-faults'] ? ' --no-faults' : ''}`;
  log(`\nseed ${seed}: ${violation}\n`);
  log(`to repeat it:  npm run sim -- --seed ${seed}${options} [--trace]\n`);
}

async function run(): Promise<void> {
  const { from, to, until } = wanted();
  if (to > from) log(`from seed ${from}`);
  const { mutant } = values;
  if (mutant !== undefined) log(`broken: ${mutantOf(mutant).breaks}`);
  const begun = Date.now();
  const totals = new Map<string, number>();
  let ran = 0;
  let failed = 0;
  const ended = (report: Report): boolean => {
    print(report);
    ran++;
    if (report.violation !== undefined) failed++;
    for (const [name, count] of Object.entries(report.counts)) totals.set(name, (totals.get(name) ?? 0) + count);
    return Date.now() < until;
  };
  await campaign({ seeds: range(from, to), mutant, faults: !values['no-faults'], keepsTrace: values.trace, ended });
  log([...totals].map(([name, count]) => `${name} ${count}`).join(', '));
  log(`${ran} simulations in ${((Date.now() - begun) / 1000).toFixed(1)} s, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** The known seed first, then all. */
function* seedsFor(foundBy: number): Iterable<number> {
  yield foundBy;
  yield* range(1, SEEDS_MAX);
}

async function findMutants(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { breaks, foundBy } = mutantOf(name);
    const { first, tried } = await firstFinding(name, seedsFor(foundBy));
    if (first === undefined) process.exitCode = 1;
    const what = first?.violation?.split('\n')[0] ?? `nothing in ${tried}`;
    log(`| ${breaks} | \`--mutant ${name} --seed ${first?.seed ?? '?'}\` | ${what} |`);
  }
}

if (values.mutants === undefined) await run();
else await findMutants(values.mutants === 'all' ? MUTANTS.map(({ name }) => name) : values.mutants.split(','));
