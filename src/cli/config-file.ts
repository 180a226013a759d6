/**
 * A configuration file, YAML or JSON (which is YAML): flags by name, without the dashes.
 *
 *     name: n1
 *     listen-client-urls: http://127.0.0.1:2379
 *     watch-progress-notify-interval: 600000000000     durations are whole nanoseconds
 *     log-outputs: [stderr, /var/log/n1.log]           lists may be YAML's or one text with commas
 *     client-transport-security:                       --cert-file, --key-file, ...
 *       cert-file: n1.crt
 *     peer-transport-security:                         --peer-cert-file, --peer-key-file, ...
 *       cert-file: n1.crt
 *
 * With a file, all other flags and the environment count for nothing.
 */

import { parse as parseYaml, YAMLParseError } from 'yaml';
import { FLAGS, type Flag } from './flag-table.ts';
import { type FlagValue, parseValue } from './flag-value.ts';
import { ConfigError, type Note } from './note.ts';
import type { Settings } from './settings.ts';
import { ValueError } from './url.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** Where a key of a group is not the name of its flag without the prefix. */
const CLIENT_NAMES: ReadonlyMap<string, string> = new Map([
  ['allowed-hostname', 'client-cert-allowed-hostname'],
  ['allowed-hostnames', 'client-cert-allowed-hostname'],
  ['crl-file', 'client-crl-file'],
]);
const PEER_NAMES: ReadonlyMap<string, string> = new Map([
  ['allowed-cn', 'peer-cert-allowed-cn'],
  ['allowed-cns', 'peer-cert-allowed-cn'],
  ['allowed-hostname', 'peer-cert-allowed-hostname'],
  ['allowed-hostnames', 'peer-cert-allowed-hostname'],
]);

/** The flag that a key of a group stands for. */
const GROUPS: ReadonlyMap<string, (key: string) => string> = new Map([
  ['client-transport-security', (key: string) => CLIENT_NAMES.get(key) ?? key],
  ['peer-transport-security', (key: string) => PEER_NAMES.get(key) ?? `peer-${key}`],
]);

/** Reads the file's `text` into `settings`. Throws ConfigError, which names `path`. */
export function readConfigFile(path: string, text: string, settings: Settings): Note[] {
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(mappingOf(path, path, parsed(path, text)))) {
    const nameOf = GROUPS.get(key);
    if (nameOf === undefined) set(path, key, FLAGS.get(key), value, settings, unknown);
    else if (value !== null) {
      for (const [inner, innerValue] of Object.entries(mappingOf(path, key, value))) {
        set(path, `${key}.${inner}`, FLAGS.get(nameOf(inner)), innerValue, settings, unknown);
      }
    }
  }
  if (unknown.length === 0) return [];
  return [{ level: 'warn', message: 'the config file has keys that are no flags', fields: { path, keys: unknown } }];
}

function parsed(path: string, text: string): unknown {
  try {
    return parseYaml(text) ?? {};
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new ConfigError(`${path}: ${error.message.trimEnd()}`, { cause: error });
  }
}

function mappingOf(path: string, key: string, value: unknown): Mapping {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Mapping;
  throw new ConfigError(key === path ? `${path}: must be a mapping of flags` : `${path}: ${key} must be a mapping`);
}

function set(
  path: string,
  key: string,
  flag: Flag | undefined,
  value: unknown,
  settings: Settings,
  unknown: string[],
): void {
  if (flag === undefined) {
    unknown.push(key);
    return;
  }
  if (value === null) return;
  try {
    settings.set(flag, valueOf(flag, value), 'file');
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new ConfigError(`${path}: invalid value for ${key}: ${error.message}`, { cause: error });
  }
}

/** YAML knows numbers and booleans; what it gives must be what the flag takes. */
function valueOf(flag: Flag, value: unknown): FlagValue {
  switch (flag.type) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw new ValueError(`must be true or false, not ${shown(value)}`);
    case 'integer':
    case 'unsigned':
    case 'unsigned32':
      if (typeof value === 'number' && Number.isInteger(value)) return parseValue(flag, BigInt(value).toString());
      throw new ValueError(`must be a whole number, not ${shown(value)}`);
    case 'duration':
      if (typeof value === 'number' && Number.isInteger(value)) return value / 1e6;
      throw new ValueError(`must be a whole number of nanoseconds, not ${shown(value)}`);
    case 'list':
    case 'urls':
      if (Array.isArray(value)) return parseValue(flag, value.map(String).join(','));
      return parseValue(flag, scalar(value));
    case 'string':
      return parseValue(flag, scalar(value));
    default:
      return flag.type satisfies never;
  }
}

/** A number where text is wanted is text that looks like a number: `auto-compaction-retention: 1`. */
function scalar(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new ValueError(`must be text, not ${shown(value)}`);
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);
