/**
 * One direction between two members: what n1 sends to n2, on whichever connection. (A connection that n1 opened carries bytes
 * of both directions: its requests are subject to the link n1 -> n2, its answers to n2 -> n1.)
 *
 *     cut        bytes wait, as they do when packets are lost and sent again: nothing is closed, nobody is told
 *     delay      each byte arrives so much later
 *     slow       no more than so many bytes a second
 *     reset      the connections of the link end now, as when a router forgets them
 *
 * A link is state and nothing else; pipes obey it.
 */

export interface LinkState {
  readonly cut: boolean;
  /** Milliseconds from one end to the other. */
  readonly delayMs: number;
  /** Infinity: as fast as the machine is. */
  readonly bytesPerSecond: number;
}

export const HEALTHY: LinkState = { cut: false, delayMs: 0, bytesPerSecond: Infinity };

export interface LinkListener {
  /** The state is another one now. */
  changed(): void;
  /** The connection is to end now. */
  reset(): void;
}

export class Link {
  readonly #listeners = new Set<LinkListener>();
  #state: LinkState = HEALTHY;

  get state(): LinkState {
    return this.#state;
  }

  /** Changes what is named and leaves the rest. */
  set(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener.changed();
  }

  heal(): void {
    this.set(HEALTHY);
  }

  /** Ends the connections that use the link. */
  reset(): void {
    for (const listener of this.#listeners) listener.reset();
  }

  listen(listener: LinkListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: LinkListener): void {
    this.#listeners.delete(listener);
  }
}

/** What is wrong with a link, in words: 'cut', '100 ms late, 50 KB/s'. Empty for a healthy one. */
export function describeLink(state: LinkState): string {
  if (state.cut) return 'cut';
  const parts: string[] = [];
  if (state.delayMs > 0) parts.push(`${state.delayMs} ms late`);
  if (state.bytesPerSecond !== Infinity) parts.push(`${Math.round(state.bytesPerSecond / 1000)} KB/s`);
  return parts.join(', ');
}
