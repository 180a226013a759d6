/** Which of what a member keeps on disk has no room there. Each may be on a disk of its own. */

import type { Logger } from '../base/index.ts';

export type StoredPart = 'write-ahead log' | 'store';

export class DiskSpace {
  readonly #logger: Logger;
  readonly #short = new Set<StoredPart>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns whether one of them is short of space now. */
  changed(of: StoredPart, isShort: boolean): boolean {
    if (isShort) {
      this.#short.add(of);
      this.#logger.warn(`the disk below the ${of} is full: writes are refused until there is space`);
    } else {
      this.#short.delete(of);
      this.#logger.info(`there is space for the ${of} again`);
    }
    return this.#short.size > 0;
  }
}
