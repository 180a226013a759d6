/** The twin of LevelTables. A crash strikes each of its tables, and may bring back ruins of those that were removed. */

import { below, type Prng } from '../base/index.ts';
import { MemoryTable } from './memory-table.ts';
import type { OrderedTable, Tables } from './ordered-table.ts';

export class MemoryTables implements Tables {
  readonly #tables = new Map<string, MemoryTable>();
  /** Since the last crash. */
  readonly #removed = new Map<string, MemoryTable>();

  // ---- What a test does to it ----

  /** The power goes: the tables take no more batches. Returns them as the next life finds them. */
  crash(prng: Prng): MemoryTables {
    const next = new MemoryTables();
    for (const [path, table] of this.#tables) next.#tables.set(path, table.crash(prng));
    for (const [path, table] of this.#removed) {
      if (next.#tables.has(path) || below(prng, 2) === 0) continue;
      const ruin = table.crash(prng);
      for (const key of ruin.keys()) if (below(prng, 2) === 0) ruin.tamper(key, undefined);
      next.#tables.set(path, ruin);
    }
    return next;
  }

  /** The table at a path, to look at and to damage; undefined if there is none. */
  at(path: string): MemoryTable | undefined {
    return this.#tables.get(path);
  }

  // ---- The port ----

  async list(directory: string): Promise<readonly string[]> {
    await Promise.resolve();
    const paths = [...this.#tables.keys()].filter((path) => path.startsWith(`${directory}/`));
    return paths.map((path) => path.slice(directory.length + 1));
  }

  async open(path: string): Promise<OrderedTable> {
    await Promise.resolve();
    const table = this.#tables.get(path) ?? new MemoryTable();
    this.#tables.set(path, table);
    return table;
  }

  async remove(path: string): Promise<void> {
    await Promise.resolve();
    const table = this.#tables.get(path);
    if (table === undefined) return;
    this.#tables.delete(path);
    this.#removed.set(path, table);
  }
}
