/** What was found wrong: how often, and the first few in words. */

const TEXTS_MAX = 5;

export class Findings {
  readonly #texts: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  add(text: string): void {
    this.#count++;
    if (this.#texts.length < TEXTS_MAX) this.#texts.push(text);
  }

  addAll(others: Findings, of: string): void {
    for (const text of others.texts) this.add(`${of}: ${text}`);
    this.#count += others.count - others.texts.length;
  }
}
