/**
 * What can go wrong with a call, as a caller needs to know it:
 *
 *     ClientError          the server, or the way to it, answered with a status other than ok
 *     CompactedError       a watch asked for revisions that are gone; read the range again and watch from there
 *     WatchCanceledError   the server ended a watch for another reason
 *
 * An aborted call rejects with the reason of its AbortSignal.
 */

import { ERRORS, type ErrorCode, Status } from '../base/index.ts';

const CODES_BY_TEXT: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries(ERRORS).map(([code, row]) => [row.text, code as ErrorCode]),
);

/** How grpc-js words it that a call found no connection: the request never left this process. */
const UNSENT = /^(No connection established|Name resolution failed)/;

/** A call that ended with a status other than ok. `message` is the server's text, unchanged. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly status: Status;
  /** The name of the error in the table of base/error.ts, if the text is one of the table's. */
  readonly code: ErrorCode | undefined;

  constructor(status: Status, message: string) {
    super(message);
    this.status = status;
    this.code = CODES_BY_TEXT.get(message);
  }

  /** Whether the request certainly had no effect and never will. False: nobody knows. */
  get definite(): boolean {
    if (this.unsent) return true;
    return this.code !== undefined && ERRORS[this.code].definite;
  }

  /** Whether the request never left this process. */
  get unsent(): boolean {
    return this.status === Status.unavailable && UNSENT.test(this.message);
  }
}

/** The server no longer has the revisions that a watch is to go on from. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  /** The oldest revision that a watch may start from. */
  readonly compactRevision: number;

  constructor(compactRevision: number) {
    super(`the revisions before ${compactRevision} have been compacted`);
    this.compactRevision = compactRevision;
  }
}

/** The server ended a watch. `message` is its reason, which may be empty. */
export class WatchCanceledError extends Error {
  override readonly name = 'WatchCanceledError';
}
