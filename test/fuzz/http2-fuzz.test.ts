import { expect, test } from 'vitest';
import { fuzzOnce } from './http2-fuzz.ts';

/** A few seconds. `npm run fuzz -- --minutes 10` goes on where this ends. */
const CONVERSATIONS = 1000;

test('conversations that are nearly right do no harm', async () => {
  for (let seed = 1; seed <= CONVERSATIONS; seed++) {
    await expect(fuzzOnce(seed), `npm run fuzz -- --seed ${seed}`).resolves.toBeUndefined();
  }
});
