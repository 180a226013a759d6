/** The machine's small state in a map. */

import type { Bytes } from '../../src/base/index.ts';

export class MemoryState {
  readonly #states = new Map<string, Bytes>();
  /** How many bytes were put, of all time. */
  bytesPut = 0;

  getState(name: string): Bytes | undefined {
    return this.#states.get(name);
  }

  putState(name: string, value: Bytes): void {
    this.#states.set(name, value);
    this.bytesPut += value.length;
  }
}
