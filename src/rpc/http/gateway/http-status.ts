/** How an error looks over HTTP: the status of grpc-gateway for gRPC's code, and a body that tells the same twice, as its versions differ. */

import { Status } from '../../../base/index.ts';
import type { CallStatus } from '../../../wire/index.ts';

/** All others: 500. */
const HTTP_STATUS: ReadonlyMap<Status, number> = new Map([
  [Status.ok, 200],
  [Status.canceled, 499],
  [Status.invalidArgument, 400],
  [Status.deadlineExceeded, 504],
  [Status.notFound, 404],
  [Status.alreadyExists, 409],
  [Status.permissionDenied, 403],
  [Status.unauthenticated, 401],
  [Status.resourceExhausted, 429],
  [Status.failedPrecondition, 400],
  [Status.aborted, 409],
  [Status.outOfRange, 400],
  [Status.unimplemented, 501],
  [Status.unavailable, 503],
]);

export function httpStatusOf({ code }: CallStatus): number {
  return HTTP_STATUS.get(code) ?? 500;
}

/** The whole answer to a call that failed. */
export function errorBody({ code, message }: CallStatus): string {
  return JSON.stringify({ error: message, message, code, details: [] });
}

/** The last line of a stream that failed. */
export function errorLine(status: CallStatus): string {
  const { code, message } = status;
  const error = { code, grpc_code: code, http_code: httpStatusOf(status), message, details: [] };
  return `${JSON.stringify({ error })}\n`;
}
