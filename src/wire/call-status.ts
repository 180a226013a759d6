/** From an error thrown by a handler to the status that its client sees. */

import { ERRORS, RequestError, Status } from '../base/index.ts';
import { ProtocolError } from '../codec/index.ts';
import type { CallStatus } from './port.ts';

export const OK: CallStatus = { code: Status.ok, message: 'OK' };

/** For calls that a server ends because it stops. Clients go on with another member. */
export const STOPPED: CallStatus = { code: ERRORS.stopped.status, message: ERRORS.stopped.text };

/** The status for an error of the table, or for a request that could not be read. Undefined for any other: a bug of ours. */
export function callStatusOf(error: unknown): CallStatus | undefined {
  if (error instanceof RequestError) return { code: error.status, message: error.message };
  if (error instanceof ProtocolError) {
    return { code: Status.internal, message: `grpc: error unmarshalling request: ${error.message}` };
  }
  return undefined;
}

/** What a client is told of a bug of ours: that there is one. The error itself is for the log. */
export const INTERNAL: CallStatus = { code: Status.internal, message: 'internal error' };
