/**
 * The leases that a client keeps alive, spread over streams. A stream of grpc-js sends one message in a turn of the event loop: in a process with
 * much to do, whose turns are long, a single stream would not get round to thousands of leases within their TTL.
 *
 *     1 2 3 ... 32      one stream
 *     ... 1024          a stream for each 32
 *     ... more          32 streams, and more on each
 */

import type { Clock } from '../base/index.ts';
import { type KeepAlive, KeepAliveStream } from './keep-alive.ts';
import { REAL_CLOCK } from './real-clock.ts';
import type { Transport } from './transport.ts';

const LEASES_A_STREAM = 32;
const STREAMS_MAX = 32;

export class KeepAlives {
  readonly #transport: Pick<Transport, 'duplex' | 'failed'>;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #streams: KeepAliveStream[] = [];

  constructor(transport: Pick<Transport, 'duplex' | 'failed'>, clock: Pick<Clock, 'now' | 'after'> = REAL_CLOCK) {
    this.#transport = transport;
    this.#clock = clock;
  }

  keepAlive(id: bigint): KeepAlive {
    return this.#streamFor(id).keepAlive(id);
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  /** That which keeps the lease already; else the one with the fewest, which may be a new one. */
  #streamFor(id: bigint): KeepAliveStream {
    const streams = this.#streams;
    const own = streams.find((stream) => stream.keeps(id));
    if (own !== undefined) return own;
    const emptiest = streams.toSorted((a, b) => a.size - b.size)[0];
    if (emptiest !== undefined && (emptiest.size < LEASES_A_STREAM || streams.length === STREAMS_MAX)) return emptiest;
    const added = new KeepAliveStream(this.#transport, this.#clock);
    streams.push(added);
    return added;
  }
}
