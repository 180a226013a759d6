/** What a server tells of the calls that it carries, for the metrics. Called for each message: implementations must be quick. */

import type { Status } from '../base/index.ts';
import type { Method } from './port.ts';

export interface MethodObserver {
  /** A call has begun. */
  started(): void;
  /** A message came in; bytes without gRPC's prefix. */
  received(bytes: number): void;
  /** A message was handed over for sending. */
  sent(bytes: number): void;
  /** A call is over: answered, ended or cancelled. Once for each call that started. */
  handled(status: Status, seconds: number): void;
}

/** Asked once for each method when the server is made. */
export type CallObserver = (method: string, kind: Method['kind']) => MethodObserver;

/** Observes nothing. */
export const unobserved: CallObserver = () => ({ started() {}, received() {}, sent() {}, handled() {} });
