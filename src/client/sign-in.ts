/**
 * A client's token: asked for with its name and password when first needed, shared by all its calls, and asked for anew when a server does not
 * know it (any more), or knows of newer users and roles. Such a refusal is definite, so the call can be made again, whatever it is.
 */

import { ClientError } from './error.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** While auth is off there are no tokens, and none is needed. */
export const NO_TOKEN = '';

const STALE: ReadonlySet<string> = new Set(['invalidAuthToken', 'oldAuthRevision', 'userEmpty']);

/** Whether a call was refused for its token only. */
export function isStaleToken(error: unknown): boolean {
  return error instanceof ClientError && error.code !== undefined && STALE.has(error.code);
}

export class SignIn {
  readonly #authenticate: () => Promise<string>;
  #token: Promise<string> | undefined;

  constructor(authenticate: () => Promise<string>) {
    this.#authenticate = authenticate;
  }

  /** Rejects as Authenticate does; the next call tries again. */
  token(): Promise<string> {
    this.#token ??= this.#ask();
    return this.#token;
  }

  /** This token was refused. Another one that has been asked for since stays. */
  async refused(token: string): Promise<void> {
    const known = this.#token;
    if (known !== undefined && (await known) === token && this.#token === known) this.#token = undefined;
  }

  async #ask(): Promise<string> {
    try {
      return await this.#authenticate();
    } catch (error) {
      if (error instanceof ClientError && error.code === 'authNotEnabled') return NO_TOKEN;
      this.#token = undefined;
      throw error;
    }
  }
}
