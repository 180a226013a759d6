/**
 * The way to one peer: its queues, its stream, and the next attempt at a stream when that breaks.
 *
 *     resting --(backoff)--> opening --first ack--> open
 *        ^                      |                     |
 *        `----- refused, unreachable, silent, broken -'
 *
 * The first frame says hello; nothing else is sent until it is acknowledged. Whenever a stream ends, what waits for the peer is
 * dropped with it. So nothing is ever sent twice (a `propose` must not be), and nothing is older than one attempt.
 */

import { type Bytes, type Clock, fraction, type Logger, type Prng, type Timer } from '../base/index.ts';
import { encodePeerFrame } from '../codec/index.ts';
import type { MemberId } from '../raft/index.ts';
import type { OpenChannel } from './channel.ts';
import { Complaints } from './complaints.ts';
import { helloTo, type Identity } from './hello.ts';
import { Lane, type Load } from './lane.ts';
import {
  BULK_QUEUE_BYTES_MAX,
  BULK_UNACKED_BYTES_MAX,
  CHECK_MS,
  CLOSE_MS_MAX,
  FRAME_BYTES_MAX,
  PROBE_MS,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  SILENCE_MS_MAX,
  URGENT_QUEUE_BYTES_MAX,
  URGENT_UNACKED_BYTES_MAX,
} from './limits.ts';
import { MessageStream, type StreamProblem } from './message-stream.ts';
import type { PeerObserver } from './observer.ts';
import { UnackedFrames } from './unacked-frames.ts';

export interface PeerLinkOptions {
  readonly identity: Identity;
  readonly peer: MemberId;
  readonly urls: readonly string[];
  readonly openChannel: OpenChannel;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly observer: PeerObserver;
}

const NOTHING: Load = { messages: [], cost: 0 };
const NO_COST = { urgent: 0, bulk: 0 };

export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #complaints: Complaints;
  readonly #urgent = new Lane({
    queueBytesMax: URGENT_QUEUE_BYTES_MAX,
    unackedBytesMax: URGENT_UNACKED_BYTES_MAX,
  });
  readonly #bulk = new Lane({ queueBytesMax: BULK_QUEUE_BYTES_MAX, unackedBytesMax: BULK_UNACKED_BYTES_MAX });
  #urls: readonly string[];
  /** Counts attempts, to take the URLs in turn. */
  #attempts = 0;
  /** Ends in a row of streams that were not open for a while: doubles the wait. */
  #failuresInARow = 0;
  #openedAt = 0;
  #stream: MessageStream | undefined;
  #isOpen = false;
  #frameNumber = 0;
  readonly #unacked = new UnackedFrames();
  #lastHeardAt = 0;
  #reconnect: Timer | undefined;
  #check: Timer | undefined;
  #closing: (() => void) | undefined;
  #closed = false;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.clock);
    this.#urls = options.urls;
    options.observer.known(options.peer);
    this.#open();
    this.#checkLater();
  }

  /** Where the peer is, as far as is known: the URL in use, or the next one to try. */
  get url(): string | undefined {
    return this.#urls[this.#attempts % Math.max(1, this.#urls.length)];
  }

  /** Whether the peer has greeted back on the stream that there is. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** An open stream stays. */
  setUrls(urls: readonly string[]): void {
    const changed = urls.length !== this.#urls.length || urls.some((url, i) => url !== this.#urls[i]);
    if (!changed) return;
    this.#urls = urls;
    this.#attempts = 0;
    if (this.#stream === undefined) this.#openAfter(0);
  }

  /** Puts a message into its lane, to be sent by the next flush. */
  push(message: Bytes, isUrgent: boolean): void {
    const { observer, peer } = this.#options;
    if (this.#closed || this.#urls.length === 0 || !(isUrgent ? this.#urgent : this.#bulk).push(message)) {
      observer.sendFailed(peer, 1);
    }
  }

  /** Sends what there is credit for, what is urgent first. */
  flush(): void {
    while (this.#isOpen) {
      const urgent = this.#urgent.take(FRAME_BYTES_MAX);
      const bulk = urgent.cost < FRAME_BYTES_MAX ? this.#bulk.take(FRAME_BYTES_MAX - urgent.cost) : NOTHING;
      if (urgent.cost + bulk.cost === 0) {
        this.#askForCredit();
        return;
      }
      this.#writeFrame(urgent, bulk);
    }
  }

  /** Sends what can be sent, waits a moment for it to arrive, and ends. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.flush();
    this.#closed = true;
    this.#reconnect?.cancel();
    this.#check?.cancel();
    const { clock, observer, peer } = this.#options;
    observer.forgotten(peer);
    const stream = this.#stream;
    if (stream === undefined || !this.#isOpen) {
      stream?.cut();
      this.#drop();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = clock.after(CLOSE_MS_MAX, () => {
        stream.cut();
        this.#closing?.();
      });
      this.#closing = () => {
        timer.cancel();
        this.#drop();
        resolve();
      };
      stream.finish();
    });
  }

  // ---- within ----

  #open(): void {
    const { identity, peer } = this.#options;
    const { url } = this;
    if (url === undefined) return;
    try {
      const stream: MessageStream = new MessageStream(url, this.#options.openChannel, {
        acknowledged: (number) => this.#acknowledged(number),
        ended: (problem) => this.#ended(problem),
      });
      this.#stream = stream;
      this.#lastHeardAt = this.#options.clock.now();
      this.#frameNumber += 1;
      this.#unacked.add(this.#frameNumber, NO_COST, this.#lastHeardAt);
      stream.write(encodePeerFrame({ hello: helloTo(peer, identity), number: this.#frameNumber, messages: [] }));
    } catch (error) {
      this.#ended({ text: String(error), refused: false });
    }
  }

  #openAfter(delayMs: number): void {
    this.#reconnect?.cancel();
    this.#reconnect = this.#options.clock.after(delayMs, () => this.#open());
  }

  #writeFrame(urgent: Load, bulk: Load): void {
    this.#frameNumber += 1;
    const number = this.#frameNumber;
    const cost = { urgent: urgent.cost, bulk: bulk.cost };
    const quiet = !this.#unacked.add(number, cost, this.#options.clock.now());
    const frame = encodePeerFrame({ number, messages: [...urgent.messages, ...bulk.messages], quiet });
    this.#stream?.write(frame);
    this.#options.observer.sent(this.#options.peer, frame.length);
  }

  /** What waits for credit must not wait for ever: all that has been sent may be quiet. */
  #askForCredit(): void {
    const waiting = this.#urgent.waitingBytes + this.#bulk.waitingBytes;
    if (waiting > 0 && this.#unacked.owedSince === undefined) this.#writeFrame(NOTHING, NOTHING);
  }

  #acknowledged(number: number): void {
    const { clock, observer, peer } = this.#options;
    const now = clock.now();
    this.#lastHeardAt = now;
    const arrived = this.#unacked.acknowledged(number);
    if (arrived !== undefined) {
      this.#urgent.acknowledge(arrived.cost.urgent);
      this.#bulk.acknowledge(arrived.cost.bulk);
      observer.roundTrip(peer, (now - arrived.sentAt) / 1000);
    }
    if (!this.#isOpen) this.#opened();
    if (!this.#closed) this.flush();
  }

  #opened(): void {
    const { logger, observer, peer } = this.#options;
    this.#isOpen = true;
    this.#openedAt = this.#options.clock.now();
    observer.active(peer);
    logger.info('connected to a peer', { peer, url: this.url });
  }

  #ended(problem: StreamProblem): void {
    this.#stream = undefined;
    if (this.#closed) {
      this.#closing?.();
      return;
    }
    this.#tellOf(problem);
    if (this.#isOpen && this.#options.clock.now() - this.#openedAt >= RECONNECT_MS_MAX) this.#failuresInARow = 0;
    this.#isOpen = false;
    this.#drop();
    const delayMs = Math.min(RECONNECT_MS_MIN * 2 ** this.#failuresInARow, RECONNECT_MS_MAX);
    this.#failuresInARow = Math.min(this.#failuresInARow + 1, 30);
    this.#attempts += 1;
    this.#openAfter(delayMs * (0.5 + fraction(this.#options.prng) / 2));
  }

  #tellOf({ text, refused }: StreamProblem): void {
    const { logger, observer, peer } = this.#options;
    const fields = { peer, url: this.url, error: text };
    if (this.#isOpen) {
      observer.disconnected(peer);
      logger.warn('lost the connection to a peer', fields);
    } else if (refused) {
      this.#complaints.make(`refused: ${text}`, () => logger.warn('a peer refuses to talk to this member', fields));
    } else {
      this.#complaints.make('unreachable', () => logger.warn('a peer cannot be reached', fields));
    }
  }

  #drop(): void {
    const dropped = this.#urgent.clear() + this.#bulk.clear();
    this.#unacked.clear();
    if (dropped > 0) this.#options.observer.sendFailed(this.#options.peer, dropped);
  }

  #checkLater(): void {
    this.#check = this.#options.clock.after(CHECK_MS, () => {
      this.#checkLater();
      if (this.#stream === undefined) return;
      const now = this.#options.clock.now();
      const { owedSince, askedAt } = this.#unacked;
      if (owedSince !== undefined && now - Math.max(owedSince, this.#lastHeardAt) > SILENCE_MS_MAX) {
        this.#stream.cut();
        this.#ended({ text: `no answer for ${SILENCE_MS_MAX} ms`, refused: false });
      } else if (this.#isOpen && now - askedAt >= PROBE_MS) {
        this.#writeFrame(NOTHING, NOTHING);
      }
    });
  }
}
