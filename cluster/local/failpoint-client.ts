/** The failpoints of one member, by gofail's HTTP: see src/ops/failpoints/README.md. Any server that was built with gofail has them. */

/** What a member that is alive takes to answer at most, unless a failpoint holds it up. */
const ANSWER_WITHIN_MS = 5_000;

export class FailpointClient {
  readonly #url: string;

  /** `address`: what the member was given as GOFAIL_HTTP. */
  constructor(address: string) {
    this.#url = `http://${address}`;
  }

  /** Rejects if the member does not answer, or knows no such failpoint or terms. */
  async arm(name: string, terms: string): Promise<void> {
    await this.#ask('PUT', name, terms);
  }

  async disarm(name: string): Promise<void> {
    await this.#ask('DELETE', name);
  }

  /** Turns off all that are armed. */
  async disarmAll(): Promise<void> {
    const armed = (await this.#ask('GET', '')).split('\n').filter((line) => /=./.test(line));
    for (const line of armed) await this.disarm(line.slice(0, line.indexOf('=')));
  }

  /** How often it was carried out since it was armed. */
  async count(name: string): Promise<number> {
    return Number(await this.#ask('GET', `${name}/count`));
  }

  async #ask(method: string, path: string, body?: string): Promise<string> {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(`${this.#url}/${path}`, { method, signal, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${this.#url}/${path}: ${response.status} ${text.trim()}`);
    return text;
  }
}
