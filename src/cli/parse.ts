/**
 * From the command line, the environment and maybe a file to a configuration, or to last words and an exit code:
 *
 *     serve    the configuration, and what is to be noted in the log
 *     exit 0   --help, --version
 *     exit 2   the line cannot be read: an unknown flag, a value of another type. Usage on stderr.
 *     exit 1   it can be read, but not be done: values that contradict each other, a bad variable, a bad file. An error in the log.
 *
 * Nothing is done here but reading `readFile`'s file.
 */

import { readCommandLine } from './command-line.ts';
import { readConfigFile } from './config-file.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { FLAGS, variableOf } from './flag-table.ts';
import { ConfigError, type Note } from './note.ts';
import { configOf, type ServerConfig } from './server-config.ts';
import { Settings } from './settings.ts';
import { helpText, type Runtime, USAGE, versionText } from './usage.ts';

export type Parsed =
  | { readonly kind: 'serve'; readonly config: ServerConfig; readonly notes: readonly Note[] }
  | {
      readonly kind: 'exit';
      readonly code: 0 | 1 | 2;
      readonly stdout: string;
      readonly stderr: string;
      readonly notes: readonly Note[];
    };

/** `argv` is without the program. `readFile` throws if there is no such file. */
export function parse(
  argv: readonly string[],
  environment: Environment,
  readFile: (path: string) => string,
  runtime: Runtime,
): Parsed {
  const settings = new Settings();
  const line = readCommandLine(argv, settings);
  switch (line.kind) {
    case 'help':
      return { kind: 'exit', code: 0, stdout: helpText(), stderr: USAGE, notes: [] };
    case 'unreadable':
      return { kind: 'exit', code: 2, stdout: '', stderr: `${line.problem}\n${USAGE}`, notes: [] };
    case 'stray':
      return refused(`'${line.word}' is not a valid flag`, []);
    case 'read':
      break;
    default:
      return line satisfies never;
  }
  if (settings.boolean('version')) {
    return { kind: 'exit', code: 0, stdout: versionText(runtime), stderr: '', notes: [] };
  }
  const notes: Note[] = [];
  try {
    const path = settings.text('config-file') || environment[variableOf('config-file')] || '';
    const sources = path === '' ? fromFlags(settings, environment, notes) : fromFile(path, readFile, notes);
    const { config, notes: more } = configOf(sources);
    return { kind: 'serve', config, notes: [...notes, ...more, ...withoutEffect(sources)] };
  } catch (error) {
    if (error instanceof ConfigError) return refused(error.message, notes);
    throw error;
  }
}

function refused(problem: string, notes: readonly Note[]): Parsed {
  const error: Note = {
    level: 'error',
    message: 'failed to verify flags',
    fields: { error: `${problem}. See 'watchraft --help'.` },
  };
  return { kind: 'exit', code: 1, stdout: '', stderr: '', notes: [...notes, error] };
}

function fromFlags(settings: Settings, environment: Environment, notes: Note[]): Settings {
  notes.push(...readEnvironment(environment, settings));
  return settings;
}

function fromFile(path: string, readFile: (path: string) => string, notes: Note[]): Settings {
  const message =
    'loading server configuration from a file: all other flags and environment variables are ignored if provided';
  notes.push({ level: 'warn', message, fields: { path } });
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw new ConfigError(`cannot read the config file: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const settings = new Settings();
  notes.push(...readConfigFile(path, text, settings));
  return settings;
}

/** One line for all that was set and changes nothing. */
function withoutEffect(settings: Settings): Note[] {
  const flags = settings.names().filter((name) => FLAGS.get(name)?.use !== 'used');
  if (flags.length === 0) return [];
  return [{ level: 'warn', message: 'flags that are accepted but have no effect yet', fields: { flags } }];
}
