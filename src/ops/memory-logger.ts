/** The twin of the log for tests: keeps what was said. */

import type { LogFields, Logger, LogLevel } from '../base/index.ts';

export interface LogEntry {
  readonly level: LogLevel;
  readonly name: string;
  readonly message: string;
  readonly fields: LogFields;
}

export class MemoryLogger implements Logger {
  /** In order; shared with every child. */
  readonly entries: LogEntry[];
  readonly #name: string;
  readonly #fields: LogFields;

  constructor(entries: LogEntry[] = [], name = '', fields: LogFields = {}) {
    this.entries = entries;
    this.#name = name;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
  }

  fatal(message: string, fields?: LogFields): void {
    this.#keep('fatal', message, fields);
  }

  child(fields: LogFields): Logger {
    return new MemoryLogger(this.entries, this.#name, { ...this.#fields, ...fields });
  }

  named(name: string): Logger {
    return new MemoryLogger(this.entries, this.#name === '' ? name : `${this.#name}.${name}`, this.#fields);
  }

  #keep(level: LogLevel, message: string, fields: LogFields | undefined): void {
    this.entries.push({ level, name: this.#name, message, fields: { ...this.#fields, ...fields } });
  }
}
