/**
 * What happened, for those who look for a cause: the last lines, or all of them; and a number made of all of them, by which two
 * runs are seen to be the same. A line is put together only when somebody reads it.
 */

/** Lines kept unless all are. */
const LINES_KEPT = 3000;

export class Trace {
  readonly #now: () => number;
  readonly #keepsAll: boolean;
  #lines: { readonly at: number; readonly line: string | (() => string) }[] = [];
  #digest = 0x811c9dc5;

  constructor(now: () => number, keepsAll: boolean) {
    this.#now = now;
    this.#keepsAll = keepsAll;
  }

  /** `line`: what happened; of one that costs to put together, `summary` must tell it from others. */
  note(line: string | (() => string), summary: string = typeof line === 'string' ? line : ''): void {
    const at = this.#now();
    this.#mix(`${at} ${summary}`);
    this.#lines.push({ at, line });
    if (!this.#keepsAll && this.#lines.length > 2 * LINES_KEPT) this.#lines = this.#lines.slice(-LINES_KEPT);
  }

  get digest(): number {
    return this.#digest >>> 0;
  }

  /** The last `count` lines. */
  tail(count: number): string[] {
    return this.#lines
      .slice(-count)
      .map(({ at, line }) => `${at.toFixed(1).padStart(9)}  ${typeof line === 'string' ? line : line()}`);
  }

  /** FNV-1a. */
  #mix(text: string): void {
    for (let i = 0; i < text.length; i++) this.#digest = Math.imul(this.#digest ^ text.charCodeAt(i), 0x01000193);
  }
}
