/** What the reading of a configuration has to say, kept until there is a log to say it in. */

import type { LogFields } from '../base/index.ts';

export interface Note {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** The configuration cannot be used. The message is etcd's where it has one. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
