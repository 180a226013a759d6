/** Every story in testdata/ happens as it is written. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { play } from './script.ts';

const directory = new URL('testdata/', import.meta.url);

for (const name of readdirSync(directory)) {
  test(name, () => {
    const file = new URL(name, directory);
    const text = readFileSync(file, 'utf8');
    const happened = play(text);
    if (process.env['WATCH_SCRIPTS'] === 'rewrite') writeFileSync(file, happened);
    else expect(happened).toBe(text);
  });
}
