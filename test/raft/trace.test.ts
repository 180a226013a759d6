import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { retold } from './trace.ts';

const FOLDER = new URL('./testdata/', import.meta.url);
const REWRITE = process.env['RAFT_REWRITE'] === '1';

/** RAFT_REWRITE=1 writes down what came of the commands instead of comparing. Read every line of the difference before you believe it. */
test.each(readdirSync(FOLDER).sort())('%s', (name) => {
  const path = new URL(name, FOLDER);
  const document = readFileSync(path, 'utf8');
  const told = retold(document);
  if (REWRITE) writeFileSync(path, told);
  else expect(told).toBe(document);
});
