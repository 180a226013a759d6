/**
 * The member's log: JSON lines that tools made for etcd's take for its own. Keys come in zap's order, time as zap writes it:
 *
 *     {"level":"info","ts":"2026-11-20T23:44:50.76Z","caller":"node/node.ts:117","msg":"saved snapshot","snapshot-index":10}
 *
 * With --log-format console, the same with tabs between:
 *
 *     2026-11-20T23:44:50.76Z	info	node/node.ts:117	saved snapshot	{"snapshot-index":10}
 *
 * Every line is written before the call returns, so that nothing is lost however the process ends. A log that cannot be written
 * (full disk, closed pipe) does not end the member: it is said once on stderr.
 *
 * Fields whose names say that they hold a client's data are replaced (CENSORED below). That is the last guard, not the rule:
 * the rule is not to hand them in.
 */

import { writeSync } from 'node:fs';
import { type DestinationStream, destination, type Logger as Pino, pino } from 'pino';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from '../base/index.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'console';
  /** Each 'default' or 'stderr', 'stdout', or the path of a file, which is appended to, and created in a folder that is there. */
  readonly outputs: readonly string[];
  /** Milliseconds since 1970; the host's time if not given. */
  readonly wall?: () => number;
}

/** The logger of a process: its level can be changed while it runs. */
export interface RootLogger extends Logger {
  level: LogLevel;
  /** Closes the files. Nothing may be logged afterwards. */
  close(): void;
}

type Method = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

const CENSORED = new Set(['authorization', 'key', 'password', 'range_end', 'token', 'value']);
/** Names that the line itself uses. */
const RESERVED = new Set(['level', 'ts', 'logger', 'caller', 'msg']);

/** Opens the outputs. Throws if a file cannot be opened. */
export function createLogger(options: LoggerOptions): RootLogger {
  const outputs = options.outputs.map(openOutput);
  const shape = options.format === 'json' ? (line: string): string => line : consoleLine;
  const lines: DestinationStream = {
    write: (line) => {
      const text = shape(line);
      for (const output of outputs) output.stream.write(text);
    },
  };
  const wall = options.wall ?? Date.now;
  const backend = pino(
    {
      level: options.level,
      customLevels: { panic: 55 },
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${formatTime(wall())}"`,
      formatters: { level: (level) => ({ level }) },
    },
    lines,
  );
  const close = (): void => {
    for (const output of outputs) output.close();
  };
  return new LineLogger(backend, close, '', {});
}

class LineLogger implements RootLogger {
  readonly #backend: Pino<'panic'>;
  readonly #close: () => void;
  readonly #name: string;
  readonly #fields: LogFields;

  constructor(backend: Pino<'panic'>, close: () => void, name: string, fields: LogFields) {
    this.#backend = backend;
    this.#close = close;
    this.#name = name;
    this.#fields = fields;
  }

  get level(): LogLevel {
    return LOG_LEVELS.find((level) => level === this.#backend.level) ?? 'info';
  }

  set level(level: LogLevel) {
    this.#backend.level = level;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  fatal(message: string, fields?: LogFields): void {
    this.#write('fatal', message, fields);
  }

  child(fields: LogFields): Logger {
    return new LineLogger(this.#backend, this.#close, this.#name, { ...this.#fields, ...fields });
  }

  named(name: string): Logger {
    return new LineLogger(this.#backend, this.#close, this.#name === '' ? name : `${this.#name}.${name}`, this.#fields);
  }

  close(): void {
    this.#close();
  }

  #write(method: Method, message: string, fields: LogFields | undefined): void {
    if (!this.#backend.isLevelEnabled(method)) return;
    // pino would put the message last; given among the fields it stays where it stands.
    const line: Record<string, unknown> = this.#name === '' ? {} : { logger: this.#name };
    line['caller'] = callerOf(this[method]);
    line['msg'] = message;
    for (const [name, value] of Object.entries({ ...this.#fields, ...fields })) {
      line[RESERVED.has(name) ? `field.${name}` : name] = CENSORED.has(name) ? '[censored]' : shown(value);
    }
    this.#backend[method](line);
  }
}

function shown(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString(16);
  if (Array.isArray(value)) return value.map(shown);
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? '' : `: ${String(shown(value.cause))}`;
  return `${value.message}${cause}`;
}

/** 'folder/file.ts:line' of whoever called `method`. */
function callerOf(method: (...given: never[]) => void): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, method);
  Error.stackTraceLimit = limit;
  const place = /([^/\\\s(]+[/\\][^/\\\s]+:\d+):\d+\)?$/.exec(holder.stack ?? '');
  return place?.[1] ?? 'unknown';
}

/** As Go's layout 2006-01-02T15:04:05.999999Z0700: local time, no zeros at the end of the fraction, Z for UTC. */
export function formatTime(wallMs: number): string {
  const offsetMinutes = -new Date(wallMs).getTimezoneOffset();
  const [seconds = '', fraction = ''] = new Date(wallMs + offsetMinutes * 60_000).toISOString().slice(0, -1).split('.');
  const digits = fraction.replace(/0+$/, '');
  return `${seconds}${digits === '' ? '' : `.${digits}`}${formatZone(offsetMinutes)}`;
}

const two = (count: number): string => String(Math.trunc(count)).padStart(2, '0');

function formatZone(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${two(minutes / 60)}${two(minutes % 60)}`;
}

function consoleLine(json: string): string {
  const { level, ts, logger, caller, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const columns = [ts, level, ...(logger === undefined ? [] : [logger]), caller, msg].map(String);
  if (Object.keys(fields).length > 0) columns.push(JSON.stringify(fields));
  return `${columns.join('\t')}\n`;
}

interface Output {
  readonly stream: DestinationStream;
  close(): void;
}

const STANDARD: ReadonlyMap<string, number> = new Map([
  ['default', 2],
  ['stderr', 2],
  ['stdout', 1],
]);

function openOutput(name: string): Output {
  const descriptor = STANDARD.get(name);
  const stream = destination({ dest: descriptor ?? name, sync: true });
  let said = false;
  stream.on('error', (error: Error) => {
    if (said || descriptor === 2) return;
    said = true;
    writeSync(2, `cannot write the log ${name}: ${error.message}\n`);
  });
  return { stream, close: descriptor === undefined ? () => stream.destroy() : () => stream.flushSync() };
}
