/** Variables that stand for flags: ETCD_NAME for --name. A flag that was given stands over its variable. */

import { FLAGS, variableOf } from './flag-table.ts';
import { ConfigError, type Note } from './note.ts';
import type { Settings } from './settings.ts';
import { ValueError } from './url.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'ETCD_';

/** Variables that are no flags, yet not unknown. */
const OTHERS = new Set(['ETCD_UNSUPPORTED_ARCH']);

/** Values are not noted: some are passwords. Throws ConfigError. */
export function readEnvironment(environment: Environment, settings: Settings): Note[] {
  const notes: Note[] = [];
  const known = new Set(OTHERS);
  for (const flag of FLAGS.values()) {
    const variable = variableOf(flag.name);
    known.add(variable);
    const text = environment[variable];
    if (text === undefined || text === '') continue;
    const fields = { 'variable-name': variable };
    if (settings.isSet(flag.name)) {
      const message = 'recognized environment variable, but unused: shadowed by corresponding flag';
      notes.push({ level: 'warn', message, fields });
      continue;
    }
    try {
      settings.setText(flag, text, 'environment');
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new ConfigError(`invalid value "${text}" for ${variable}: ${error.message}`, { cause: error });
    }
    notes.push({ level: 'info', message: 'recognized and used environment variable', fields });
  }
  for (const variable of Object.keys(environment).sort()) {
    if (!variable.startsWith(PREFIX) || known.has(variable)) continue;
    notes.push({ level: 'warn', message: 'unrecognized environment variable', fields: { 'variable-name': variable } });
  }
  return notes;
}
