/**
 * How far a step is. On a terminal one line that is drawn over and over; elsewhere (a file, a CI log) a line each quarter.
 *
 *     load        [############            ]  31,000/63,666    5,210/s
 */

const BAR_CHARACTERS = 24;
const DRAW_EVERY_MS = 100;

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export class ProgressBar {
  readonly #output: Output;
  readonly #name: string;
  readonly #total: number;
  readonly #startedAt: number;
  #done = 0;
  #drawnAt = 0;
  #quarters = 0;

  constructor(output: Output, name: string, total: number, now: number = performance.now()) {
    this.#output = output;
    this.#name = name;
    this.#total = total;
    this.#startedAt = now;
  }

  advance(by = 1): void {
    this.to(this.#done + by);
  }

  to(done: number, now: number = performance.now()): void {
    this.#done = Math.min(done, this.#total);
    if (this.#output.isTTY === true) {
      if (now - this.#drawnAt < DRAW_EVERY_MS) return;
      this.#drawnAt = now;
      this.#output.write(`\r${this.#line(now)}`);
      return;
    }
    const quarters = Math.floor((this.#done * 4) / Math.max(1, this.#total));
    if (quarters <= this.#quarters) return;
    this.#quarters = quarters;
    this.#output.write(`${this.#line(now)}\n`);
  }

  /** The step is over, however far it came. */
  finish(now: number = performance.now()): void {
    if (this.#output.isTTY === true) this.#output.write(`\r${this.#line(now)}\n`);
  }

  #line(now: number): string {
    const full = Math.round((this.#done / Math.max(1, this.#total)) * BAR_CHARACTERS);
    const bar = '#'.repeat(full).padEnd(BAR_CHARACTERS);
    const seconds = Math.max(0.001, (now - this.#startedAt) / 1000);
    const count = `${grouped(this.#done)}/${grouped(this.#total)}`;
    return `${this.#name.padEnd(22)} [${bar}] ${count.padStart(19)} ${grouped(this.#done / seconds).padStart(9)}/s`;
  }
}

/** A whole number with a comma between its thousands. */
export function grouped(number: number): string {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}
