/**
 * Simple tokens: what stands for a user from his Authenticate on, for as long as he uses it. The token is in an entry of the log, without the
 * password, so every member that applies the entry knows it; how long it has been idle each member counts for itself.
 *
 *     kmXSRtzHYvNRMYZB.1742      16 random letters, and the index of the entry
 *
 * They are in memory only: who meets a member that has been started since identifies himself anew. So does who is told to by a change of
 * his password, or by his removal.
 */

import type { Clock, Timer } from '../base/index.ts';

/** More users at once than this: whoever has been idle longest has to identify himself anew. */
export const TOKENS_MAX = 100_000;

/** How often tokens that have been idle for too long are looked for. */
const SWEEP_MS = 1000;

interface Known {
  readonly user: string;
  expiresMs: number;
}

export class SimpleTokens {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** The one used last comes last: Maps keep the order of insertion. */
  readonly #tokens = new Map<string, Known>();
  #sweep: Timer | undefined;

  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#tokens.size;
  }

  assign(token: string, user: string): void {
    if (this.#tokens.size >= TOKENS_MAX) {
      const [idle] = this.#tokens.keys();
      if (idle !== undefined) this.#tokens.delete(idle);
    }
    this.#tokens.set(token, { user, expiresMs: this.#clock.now() + this.#ttlMs });
    this.#armSweep();
  }

  /** Whom the token stands for; it does so for as long again. Undefined for one that is not known, or not any more. */
  userOf(token: string): string | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    const now = this.#clock.now();
    this.#tokens.delete(token);
    if (known.expiresMs <= now) return undefined;
    known.expiresMs = now + this.#ttlMs;
    this.#tokens.set(token, known);
    return known.user;
  }

  forgetUser(user: string): void {
    for (const [token, known] of this.#tokens) if (known.user === user) this.#tokens.delete(token);
  }

  forgetAll(): void {
    this.#tokens.clear();
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #armSweep(): void {
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = this.#clock.now();
      for (const [token, { expiresMs }] of this.#tokens) {
        if (expiresMs > now) break;
        this.#tokens.delete(token);
      }
      if (this.#tokens.size > 0) this.#armSweep();
    });
  }
}
