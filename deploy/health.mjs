#!/usr/bin/env node
/**
 * Is the member ready? Asks its /readyz, which reads through the cluster: ready means that there is a leader and a quorum.
 *
 *     node health.mjs                          now: exit code 0 or 1, and the reason on stdout
 *     node health.mjs --wait 90                until it is, for at most 90 seconds
 *     node health.mjs http://127.0.0.1:22379   another member than the one at 127.0.0.1:2379
 *
 * For images and units, where no curl is: it needs nothing but Node.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const ANSWER_WITHIN_MS = 3000;
const ASK_EVERY_MS = 250;

const { values, positionals } = parseArgs({ options: { wait: { type: 'string' } }, allowPositionals: true });
const waitMs = Number(values.wait ?? 0) * 1000;
if (Number.isNaN(waitMs)) throw new TypeError(`--wait takes seconds, not ${values.wait}`);
const url = new URL('/readyz?verbose', positionals[0] ?? 'http://127.0.0.1:2379');

/** What is wrong, or undefined. */
async function problem() {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const text = await response.text();
    return response.ok ? undefined : `${response.status}: ${text.trim()}`;
  } catch (error) {
    return `${url.origin}: ${error.cause?.message ?? error.message}`;
  }
}

const deadline = Date.now() + waitMs;
let found = await problem();
while (found !== undefined && Date.now() < deadline) {
  await sleep(ASK_EVERY_MS);
  found = await problem();
}
console.log(found ?? 'ready');
process.exitCode = found === undefined ? 0 : 1;
