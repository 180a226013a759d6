/** The open connections of a server: who is there, and how to get rid of them in bounded time. */

import type { Duplex } from 'node:stream';

/** What those who are told at last that their time is up have to read it. */
const LAST_WORDS_MS = 250;

export class Connections {
  readonly #open = new Set<Duplex>();
  #closing = false;
  #emptied: (() => void) | undefined;

  get size(): number {
    return this.#open.size;
  }

  /** False if the server is closing: the connection is cut. */
  add(connection: Duplex): boolean {
    if (this.#closing || connection.destroyed) {
      connection.destroy();
      return false;
    }
    this.#open.add(connection);
    connection.once('close', () => {
      this.#open.delete(connection);
      if (this.#open.size === 0) this.#emptied?.();
    });
    return true;
  }

  remove(connection: Duplex): void {
    this.#open.delete(connection);
  }

  cutWhere(condition: (connection: Duplex) => boolean): void {
    for (const connection of this.#open) if (condition(connection)) connection.destroy();
  }

  /** Takes no more, and waits until all are closed. For those that still are there after `graceMs` calls `overdue`, and cuts them soon after. */
  close(graceMs: number, overdue: () => void = () => undefined): Promise<void> {
    this.#closing = true;
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      let timer = setTimeout(() => {
        overdue();
        timer = setTimeout(() => {
          for (const connection of this.#open) connection.destroy();
        }, LAST_WORDS_MS);
      }, graceMs);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
