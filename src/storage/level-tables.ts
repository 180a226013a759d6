/** LevelDB's tables in the file system: each in a directory of its own. */

import { readdir, rm } from 'node:fs/promises';
import { LevelTable } from './level-table.ts';
import type { OrderedTable, Tables } from './ordered-table.ts';

export class LevelTables implements Tables {
  async list(directory: string): Promise<readonly string[]> {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  open(path: string): Promise<OrderedTable> {
    return LevelTable.open(path);
  }

  remove(path: string): Promise<void> {
    return rm(path, { recursive: true, force: true });
  }
}
