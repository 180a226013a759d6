/** npm run fuzz -- [--minutes 10] [--seed 1]: with a seed that conversation only, else fresh ones until the time is up. Ends with 1 if one failed. */

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { parsedOrUsage } from '../support/script-options.ts';
import { fuzzOnce } from './http2-fuzz.ts';

const { values } = parsedOrUsage(
  () => parseArgs({ options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } } }),
  'npm run fuzz -- [--minutes 10] [--seed 1]\n',
);

async function run(seed: number): Promise<void> {
  try {
    await fuzzOnce(seed);
  } catch (error) {
    console.error(`failed: npm run fuzz -- --seed ${seed}\n`, error);
    process.exit(1);
  }
}

if (values.seed === undefined) {
  const until = Date.now() + Number(values.minutes) * 60_000;
  let count = 0;
  for (; Date.now() < until; count++) await run(randomInt(2 ** 32));
  console.log(`${count} conversations, nothing wrong`);
} else {
  await run(Number(values.seed));
}
