/**
 * What the flags say of identification.
 *
 *     --auth-token=simple
 *     --auth-token=jwt,sign-method=RS256,pub-key=jwt.pub,priv-key=jwt.key,ttl=10m
 */

import { parseDuration } from '../base/index.ts';
import { ConfigError, type Note } from './note.ts';
import type { Settings } from './settings.ts';

export interface AuthConfig {
  /** Undefined for simple tokens. */
  readonly jwt: JwtConfig | undefined;
  /** How long a simple token is good without being used. */
  readonly tokenTtlMs: number;
  readonly bcryptCost: number;
}

export interface JwtConfig {
  readonly signMethod: string;
  /** Files. With the public key alone tokens are checked and none are made. */
  readonly publicKey: string | undefined;
  readonly privateKey: string | undefined;
  readonly ttlMs: number;
}

const JWT_TTL_MS_DEFAULT = 300_000;
const JWT_OPTIONS: ReadonlySet<string> = new Set(['sign-method', 'pub-key', 'priv-key', 'ttl']);
const SIGN_METHOD = /^(?:(?:RS|PS|ES|HS)(?:256|384|512)|EdDSA)$/;

const BCRYPT_COST_MIN = 4;
const BCRYPT_COST_MAX = 31;
const BCRYPT_COST_DEFAULT = 10;

/** Throws ConfigError. */
export function authConfig(settings: Settings): AuthConfig {
  const ttl = settings.number('auth-token-ttl');
  if (ttl === 0) throw new ConfigError('--auth-token-ttl must be >0 (set to 0)');
  return {
    jwt: tokens(settings.text('auth-token')),
    tokenTtlMs: ttl * 1000,
    bcryptCost: isCost(settings.number('bcrypt-cost')) ? settings.number('bcrypt-cost') : BCRYPT_COST_DEFAULT,
  };
}

/** As etcd: a cost that bcrypt does not have is told of, and the usual one taken. */
export function authNotes(settings: Settings): readonly Note[] {
  const cost = settings.number('bcrypt-cost');
  if (isCost(cost)) return [];
  const fields = { 'given-cost': cost, 'default-cost': BCRYPT_COST_DEFAULT };
  return [{ level: 'warn', message: 'use default bcrypt cost instead of the invalid given cost', fields }];
}

const isCost = (cost: number): boolean => cost >= BCRYPT_COST_MIN && cost <= BCRYPT_COST_MAX;

function tokens(text: string): JwtConfig | undefined {
  const [kind, ...parts] = text.split(',');
  if (kind !== 'simple' && kind !== 'jwt') throw new ConfigError(`--auth-token is simple or jwt, not "${kind ?? ''}"`);
  const options = new Map(parts.map((part): [string, string] => optionOf(part)));
  if (kind === 'simple') return undefined;
  for (const name of options.keys()) {
    if (!JWT_OPTIONS.has(name)) throw new ConfigError(`--auth-token: unknown option "${name}" of jwt`);
  }
  const signMethod = options.get('sign-method') ?? '';
  if (!SIGN_METHOD.test(signMethod)) throw new ConfigError(`--auth-token: no such sign-method: "${signMethod}"`);
  const [publicKey, privateKey] = [options.get('pub-key'), options.get('priv-key')];
  if (publicKey === undefined && privateKey === undefined) {
    throw new ConfigError('--auth-token: jwt needs a pub-key or a priv-key');
  }
  const ttl = options.get('ttl');
  const ttlMs = ttl === undefined ? JWT_TTL_MS_DEFAULT : parseDuration(ttl);
  if (ttlMs === undefined || ttlMs <= 0) throw new ConfigError(`--auth-token: ttl is no duration: "${ttl ?? ''}"`);
  return { signMethod, publicKey, privateKey, ttlMs };
}

function optionOf(part: string): [string, string] {
  const at = part.indexOf('=');
  if (at <= 0) throw new ConfigError(`--auth-token: "${part}" is not of the form name=value`);
  return [part.slice(0, at), part.slice(at + 1)];
}
