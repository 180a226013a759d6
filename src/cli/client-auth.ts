/** What identifies the clients of a server: made of the flags, and of the keys that they name. */

import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/index.ts';
import type { Node } from '../node/index.ts';
import { Callers, JwtTokens, Passwords } from '../rpc/index.ts';
import type { JwtConfig } from './auth-config.ts';
import type { ServerConfig } from './server-config.ts';

export interface ClientAuth {
  readonly callers: Callers;
  readonly passwords: Passwords;
  readonly jwt: JwtTokens | undefined;
}

/** Rejects with what is wrong with a key. */
export async function clientAuth(
  { auth: config, usesCertificates }: ServerConfig,
  node: Node,
  clock: Clock,
): Promise<ClientAuth> {
  const jwt = config.jwt === undefined ? undefined : await jwtTokens(config.jwt, clock);
  return {
    callers: new Callers({ member: node, clock, jwt, usesCertificates }),
    passwords: new Passwords(config.bcryptCost),
    jwt,
  };
}

async function jwtTokens(config: JwtConfig, clock: Clock): Promise<JwtTokens> {
  const { signMethod, ttlMs } = config;
  try {
    const [publicKey, privateKey] = await Promise.all([read(config.publicKey), read(config.privateKey)]);
    return new JwtTokens({ clock, signMethod, publicKey, privateKey, ttlMs });
  } catch (error) {
    throw new Error('--auth-token: the key cannot be used', { cause: error });
  }
}

async function read(path: string | undefined): Promise<Uint8Array | undefined> {
  return path === undefined ? undefined : await readFile(path);
}
