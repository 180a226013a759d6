/** Watch.Watch for the table of services, and what it needs to be served. */

import type { Clock, ErrorCode, Key, Prng } from '../../base/index.ts';
import type { WatchableStore } from '../../watch/index.ts';
import type { CallContext, Method } from '../../wire/index.ts';
import { type HeaderSource, ResponseEncoder } from './response-encoder.ts';
import { ServerWatchStream } from './server-watch-stream.ts';
import { SharedTurn } from './shared-turn.ts';

export type SentKind = 'control' | 'progress' | 'events';

export interface WatchOptions {
  readonly watchable: WatchableStore;
  readonly clock: Clock;
  readonly prng: Prng;
  /** The header of an answer at this revision. */
  readonly header: HeaderSource;
  /** --watch-progress-notify-interval */
  readonly progressIntervalMs: number;
  /** --max-request-bytes: with an allowance on top it bounds a fragment. */
  readonly requestBytesMax: number;
  /** A response (or a fragment of one) was handed to the wire, in so much time, with so many events. */
  readonly observe: (kind: SentKind, seconds: number, events: number) => void;
  /** Why the caller must not watch this range, which is given as it came: `rangeEnd` '' and '\0' mean what they mean on the wire. */
  readonly permit: (key: Key, rangeEnd: Key, call: CallContext) => ErrorCode | undefined;
}

/** A fragment may be so much larger than the largest request. */
const FRAGMENT_OVERHEAD_BYTES: number = 512 * 1024;

export function watchMethod(options: WatchOptions): Method {
  // One for all streams: what it keeps of the last header serves them all.
  const encoder = new ResponseEncoder(options.header, options.requestBytesMax + FRAGMENT_OVERHEAD_BYTES);
  const turn = new SharedTurn(options.clock);
  return {
    kind: 'duplex',
    handler(stream, call) {
      new ServerWatchStream({ options, encoder, turn, stream, call }).open();
    },
  };
}
