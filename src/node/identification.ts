/**
 * What applied entries mean for those who have identified themselves: tokens come and go, and what somebody may do changes, so that whoever was
 * let in to stay, a watcher above all, must be looked at again.
 */

import type { AuthStore } from '../auth/index.ts';
import type { Clock } from '../base/index.ts';
import type { MachineRequest } from '../machine/index.ts';
import { SimpleTokens } from './simple-tokens.ts';

export class Identification {
  readonly tokens: SimpleTokens;
  readonly #auth: () => AuthStore;
  /** Of the auth store, when the listeners were told last. */
  #enabled = false;
  #revision = 1;
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock, tokenTtlMs: number, auth: () => AuthStore) {
    this.#auth = auth;
    this.tokens = new SimpleTokens(clock, tokenTtlMs);
  }

  /** `listener` is called after every change of who may do what. */
  onAuthChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** The entry of this index was applied, and was not refused. */
  applied(request: MachineRequest, index: number): void {
    const { kind } = request;
    if (kind === 'authenticate') this.tokens.assign(`${request.token}.${index}`, request.name);
    else if (kind === 'authDisable') this.tokens.forgetAll();
    else if (kind === 'authUserDelete' || kind === 'authUserChangePassword') this.tokens.forgetUser(request.name);
    const { enabled, revision } = this.#auth();
    if (enabled === this.#enabled && revision === this.#revision) return;
    this.#enabled = enabled;
    this.#revision = revision;
    this.#changed();
  }

  /** All of it may have changed, unseen: by a snapshot. */
  replaced(): void {
    this.tokens.forgetAll();
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
