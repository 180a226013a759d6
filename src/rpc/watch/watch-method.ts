/** Watch.Watch for the table of services, and what it needs to be served. */

import type { Clock, Failpoints, Prng } from '../../base/index.ts';
import type { Member } from '../../node/index.ts';
import type { WatchableStore } from '../../watch/index.ts';
import type { Method } from '../../wire/index.ts';
import type { Callers } from '../auth/callers.ts';
import { type HeaderSource, ResponseEncoder } from './response-encoder.ts';
import { SendTurn, type SentObserver } from './send-turn.ts';
import { ServerWatchStream, type WatchService } from './server-watch-stream.ts';
import { SharedTurn } from './shared-turn.ts';

export interface WatchOptions {
  readonly watchable: WatchableStore;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Whose headers the answers have. */
  readonly header: HeaderSource;
  /** --watch-progress-notify-interval */
  readonly progressIntervalMs: number;
  /** --max-request-bytes: with an allowance on top it bounds a fragment. */
  readonly requestBytesMax: number;
  readonly observe: SentObserver;
  /** Who may watch what. */
  readonly member: Pick<Member, 'auth' | 'identification'>;
  readonly callers: Callers;
  readonly failpoints?: Failpoints | undefined;
}

/** A fragment may be so much larger than the largest request. */
const FRAGMENT_OVERHEAD_BYTES: number = 512 * 1024;

export function watchMethod(options: WatchOptions): Method {
  const service: WatchService = {
    options,
    encoder: new ResponseEncoder(options.header, options.requestBytesMax + FRAGMENT_OVERHEAD_BYTES),
    turn: new SharedTurn(options.clock),
    sendTurn: new SendTurn(options.clock, options.observe),
    streams: new Set(),
  };
  options.member.identification.onAuthChanged(() => {
    for (const stream of service.streams) stream.authChanged();
  });
  return { kind: 'duplex', handler: (stream, call) => new ServerWatchStream(service, stream, call).serve() };
}
