import { expect, test } from 'vitest';
import * as raft from '../../src/raft/index.ts';
import { walk } from './walk.ts';

const STEPS = 3000;
const FIRST = Number(process.env['RAFT_SEED'] ?? 1);
const COUNT = Number(process.env['RAFT_SEEDS'] ?? (process.env['RAFT_SEED'] === undefined ? 100 : 1));

/** RAFT_SEED=n repeats one walk; RAFT_SEEDS=n walks more of them. */
test(
  `random walks keep every promise of Raft and get on after healing: seeds ${FIRST} to ${FIRST + COUNT - 1}`,
  () => {
    let commits = 0;
    let reads = 0;
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      try {
        const result = walk(raft, seed, STEPS);
        commits += result.commit;
        reads += result.reads;
      } catch (cause) {
        throw new Error(`RAFT_SEED=${seed} npx vitest run test/raft/walk.test.ts`, { cause });
      }
    }
    // A walk in which nothing happens proves nothing.
    expect(commits / COUNT).toBeGreaterThan(20);
    expect(reads / COUNT).toBeGreaterThan(5);
  },
  60_000 + COUNT * 500,
);
