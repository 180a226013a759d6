/** How the log fails. Three ways, which the owner must tell apart. */

const REMEDY =
  'What it held was acknowledged and cannot be read any more. Restore the data directory from a backup; or, in a cluster, ' +
  'remove the member, delete its data directory and add it again.';

/** The log on disk is not what was written. Nothing was changed; the member must not start. */
export class WalDamagedError extends Error {
  override readonly name = 'WalDamagedError';
  /** Path of the file, and the first byte in it that is in doubt. */
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  readonly remedy: string = REMEDY;

  constructor(file: string, offset: number, reason: string) {
    super(`the write-ahead log is damaged: ${file} at byte ${offset}: ${reason}. ${REMEDY}`);
    this.file = file;
    this.offset = offset;
    this.reason = reason;
  }
}

/** The append was not written and never will be: it had no effect, and the log is as it was before. Later ones may succeed. */
export class WalWriteError extends Error {
  override readonly name = 'WalWriteError';

  constructor(why: string, options?: { cause?: unknown }) {
    super(`nothing was appended to the write-ahead log: ${why}`, options);
  }
}

/** The log is dead: what was being written may or may not be on disk, and this process can never find out. The member must stop. */
export class WalFailedError extends Error {
  override readonly name = 'WalFailedError';

  constructor(cause: unknown) {
    super(`the write-ahead log failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
