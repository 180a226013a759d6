/** Watch.Watch for the table of services, and what it needs to be served. */

import type { Clock, Failpoints, Prng } from '../../base/index.ts';
import type { Member } from '../../node/index.ts';
import type { WatchableStore } from '../../watch/index.ts';
import type { Method } from '../../wire/index.ts';
import type { Callers } from '../auth/callers.ts';
import { type HeaderSource, ResponseEncoder } from './response-encoder.ts';
import { SendTurn, type SentObserver } from './send-turn.ts';
import { ServerWatchStream } from './server-watch-stream.ts';
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
  // One for all streams: what it keeps of the last header serves them all.
  const encoder = new ResponseEncoder(options.header, options.requestBytesMax + FRAGMENT_OVERHEAD_BYTES);
  const turn = new SharedTurn(options.clock);
  const sendTurn = new SendTurn(options.clock, options.observe);
  const streams = new Set<ServerWatchStream>();
  options.member.identification.onAuthChanged(() => {
    for (const stream of streams) stream.authChanged();
  });
  return {
    kind: 'duplex',
    handler(stream, call) {
      const ended = (): void => void streams.delete(served);
      const served = new ServerWatchStream({ options, encoder, turn, sendTurn, stream, call, ended });
      streams.add(served);
      return served.serve();
    },
  };
}
