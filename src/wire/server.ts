/**
 * A gRPC server, as the rest of the program sees it: it is given the methods, and connections that begin with HTTP/2's
 * preface. Each implementation passes test/suites/wire.suite.ts.
 */

import type { Duplex } from 'node:stream';
import type { Clock } from '../base/index.ts';
import type { HttpAnswer } from './http/route.ts';
import type { CallObserver } from './observer.ts';
import type { Methods } from './port.ts';

export interface GrpcLimits {
  /** Largest message taken from a client. A larger one is answered ResourceExhausted. */
  readonly requestBytesMax: number;
  /** Open calls on one connection, at most; the client holds back the rest. */
  readonly streamsMax: number;
  /** How long a connection may be silent before it is asked for a sign of life, and how long it may take over that. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A client that asks for a sign of life more often than this is sent away, by servers that can tell. */
  readonly clientPingMinMs: number;
}

/** Answers a request that is none of gRPC's, unless that takes HTTP/1. Never rejects. `url` is the path with its query. */
export type AnswerHttp = (method: string, url: string) => Promise<HttpAnswer | 'http1Only'>;

export interface GrpcServerOptions extends GrpcLimits {
  readonly methods: Methods;
  readonly clock: Clock;
  readonly observer: CallObserver;
  /** For whoever speaks HTTP/2 and not gRPC, by servers that can tell; without it they are refused. */
  readonly http?: AnswerHttp | undefined;
  /** Hears of errors that are no answers: bugs of ours, of which the client sees Internal only. */
  readonly onError: (method: string, error: unknown) => void;
}

export interface GrpcServer {
  /** Takes over a connection. It may have been read from, if what was read was put back. */
  accept(socket: Duplex): void;
  /**
   * Asks the clients to go and lets calls under way finish. Conversations, which have no end of their own, are over when what has been asked in
   * them is answered: their handlers hear a half-close, and the client that the server has stopped. After `graceMs` all that is left is told
   * the same, and then cut. Resolves when every connection is closed.
   */
  close(graceMs: number): Promise<void>;
}
