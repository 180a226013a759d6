/**
 * What a part of the member tells the people who run it. The real one writes JSON lines (ops/logger.ts).
 *
 *     logger.info('recovered the log', { entries: 12, 'member-id': 0x8e9en })
 *
 * Messages are fixed sentences, what varies goes into fields: people search for the one and filter by the other. Never log what
 * belongs to a client: keys, values, passwords, tokens.
 */

/** A bigint is an id and is shown in hexadecimal, an Error by its message and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** In rising order; 'panic' is here because etcd's --log-level knows it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Something is off, and the member copes. */
  warn(message: string, fields?: LogFields): void;
  /** Something failed that somebody has to look after. A clean start and stop log none. */
  error(message: string, fields?: LogFields): void;
  /** The last words of a member that cannot go on. Does not end it. */
  fatal(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
  /** A logger for a part: its name goes into the line; names within names are joined with '.'. */
  named(name: string): Logger;
}

const nothing = (): void => {};

/** Says nothing. */
export const SILENT_LOGGER: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => SILENT_LOGGER,
  named: () => SILENT_LOGGER,
};
