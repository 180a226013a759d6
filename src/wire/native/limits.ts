/**
 * What one client may ask of the server: every limit of this room, in one place. A client within them is never refused by them; what
 * happens at each is said here. ("Cut": GOAWAY with ENHANCE_YOUR_CALM, and the connection is closed.)
 */

/** The largest list of headers of a call, each counted with 32 bytes on top. Told to the client; a call with more is reset. */
export const HEADER_LIST_BYTES_MAX: number = 64 * 1024;

/** The largest header block as it comes, over however many CONTINUATION frames. Beyond: cut. */
export const HEADER_BLOCK_BYTES_MAX: number = 64 * 1024;

/** CONTINUATION frames of one block. Empty ones cost their sender next to nothing. Beyond: cut. */
export const CONTINUATIONS_MAX = 32;

/** Open calls on a connection, whatever the options allow. Told to the client; a call beyond it is refused (it may be tried again). */
export const STREAMS_MAX = 1_000_000;

/** Requests of plain HTTP on a connection whose answers are being made. One beyond it is refused (it may be tried again). */
export const HTTP_STREAMS_MAX = 100;

/** What a client may send on a stream, and on a connection, before we have taken it in. Beyond: FLOW_CONTROL_ERROR. */
export const STREAM_WINDOW_BYTES: number = 256 * 1024;
export const CONNECTION_WINDOW_BYTES: number = 4 * 1024 * 1024;

/** Parts of messages, and messages for handlers that have paused, on a connection. The call that goes beyond is answered ResourceExhausted. */
export const RECEIVED_BYTES_MAX: number = 64 * 1024 * 1024;

/** From here on a stream's write() says to hold on. Twice HTTP/2's initial window: the connection need never run dry. */
export const STREAM_QUEUED_BYTES_MAX: number = 128 * 1024;

/** Answers that wait on a connection because its client does not read. Streams hold back long before that; many unary calls may not. Beyond: cut. */
export const CONNECTION_QUEUED_BYTES_MAX: number = 256 * 1024 * 1024;

/**
 * What lies between the queues of the streams and the network: whatever is produced now is behind it. So it is what fairness
 * between streams hangs on: at 1 Gbit/s this is 2 ms.
 */
export const OUTPUT_BYTES_MAX: number = 256 * 1024;

/** Frames about frames (acknowledgements, resets, window updates) that wait because the client does not read, in bytes. Beyond: cut. */
export const CONTROL_BYTES_MAX: number = 64 * 1024;

/** What a stream sends before it is the next one's turn: one frame. */
export const TURN_BYTES_MAX = 16_384;

/** What a connection writes before it is the next one's turn. */
export const FLUSH_BYTES_MAX: number = 1024 * 1024;

/** How long handlers may work, all connections together, before the event loop turns once. */
export const TURN_MS_MAX = 5;

/** SETTINGS, PRIORITY and unknown frames, DATA without content, and PINGs. Beyond: cut. */
export const CONTROL_FRAMES_PER_SECOND_MAX = 1000;

/** SETTINGS are dearer than others: each may touch every stream. Beyond: cut. */
export const SETTINGS_PER_SECOND_MAX = 50;

/** Calls that are begun and reset, or broken so that we must reset them. Beyond: cut. */
export const RESETS_PER_SECOND_MAX = 1000;

/** PINGs that come too soon (see ping-policy.ts) before the client is sent away. */
export const PING_STRIKES_MAX = 2;

/** How long a client may take from the first byte to its first SETTINGS. Then it is cut. */
export const HANDSHAKE_MS_MAX = 10_000;

/** How long a client that was sent away may take to read that before it is cut. */
export const GOODBYE_MS_MAX = 1000;

/** Counts what happens in each second. */
export class RateLimit {
  readonly #perSecondMax: number;
  #secondEndsAt = 0;
  #count = 0;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** It has happened once more, at `now` (milliseconds). True: too often. */
  isExceededAt(now: number): boolean {
    if (now >= this.#secondEndsAt) {
      this.#secondEndsAt = now + 1000;
      this.#count = 0;
    }
    return ++this.#count > this.#perSecondMax;
  }
}
