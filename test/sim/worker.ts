/** A process that simulates: it is sent seeds, one at a time, and answers each with how it went (campaign.ts). Its argument names a mutant. */

import { type Codes, codesOf } from './code.ts';
import { mutantOf } from './mutants.ts';
import { LOADED, type Report, type Task } from './protocol.ts';
import { simulate } from './simulation.ts';

const LINES_MAX = 60;

async function carryOut(codes: Codes, { seed, faults, keepsTrace }: Task): Promise<Report> {
  const { violation, trace, counts } = await simulate(seed, { codes, faults, keepsTrace });
  const lines = keepsTrace
    ? trace.tail(Number.POSITIVE_INFINITY)
    : violation === undefined
      ? []
      : trace.tail(LINES_MAX);
  return { seed, violation, counts, digest: trace.digest, lines };
}

const [, , name = ''] = process.argv;
const codes = await codesOf(name === '' ? undefined : mutantOf(name));
process.on('message', (task: Task) => {
  carryOut(codes, task)
    .then((report) => void process.send?.(report))
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
process.send?.(LOADED);
