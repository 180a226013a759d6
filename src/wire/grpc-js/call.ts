/** One call of grpc-js: its context for the handler, and the one place that knows whether it is over, and how it ended. */

import type { PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import { Status } from '../../base/index.ts';
import { commonNameOf } from '../../tls/index.ts';
import { STOPPED } from '../call-status.ts';
import type { MethodObserver } from '../observer.ts';
import type { CallContext } from '../port.ts';

/** What grpc-js's calls of every kind have. */
export interface GrpcJsSurface {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPeer(): string;
  getDeadline(): Date | number;
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate | undefined };
  on(event: 'cancelled', listener: () => void): unknown;
}

export class GrpcJsCall implements CallContext {
  readonly method: string;
  readonly #surface: GrpcJsSurface;
  readonly #observer: MethodObserver;
  readonly #onError: (method: string, error: unknown) => void;
  readonly #startedAt = performance.now();
  #metadata: ReadonlyMap<string, string> | undefined;
  #state: 'open' | 'cancelled' | 'ended' = 'open';
  #listeners: (() => void)[] = [];
  readonly #open: Set<GrpcJsCall>;
  #onEnded: (() => void) | undefined;

  /** How a conversation comes to its end because the server stops. */
  leave: () => void = () => undefined;
  /** How the client is told that the server has stopped. */
  tellStopped: () => void = () => undefined;

  /** `onError` hears of an observer that throws, which is nobody's business but ours. In `open` for as long as it is. */
  constructor(
    method: string,
    surface: GrpcJsSurface,
    observer: MethodObserver,
    onError: (method: string, error: unknown) => void,
    open: Set<GrpcJsCall>,
  ) {
    this.#open = open;
    open.add(this);
    this.method = method;
    this.#onError = onError;
    this.#surface = surface;
    this.#observer = observer;
    observer.started();
    // grpc-js says so after every call, however it ended.
    surface.on('cancelled', () => this.#cancel());
    if (surface.cancelled) this.#cancel();
  }

  get metadata(): ReadonlyMap<string, string> {
    this.#metadata ??= this.#readMetadata();
    return this.#metadata;
  }

  get peer(): string {
    const peer = this.#surface.getPeer();
    const colon = peer.lastIndexOf(':');
    // grpc-js puts no brackets around an IPv6 address.
    return peer.indexOf(':') === colon ? peer : `[${peer.slice(0, colon)}]${peer.slice(colon)}`;
  }

  get commonName(): string | undefined {
    return commonNameOf(this.#surface.getAuthContext().sslPeerCertificate ?? null);
  }

  get cancelled(): boolean {
    return this.#state === 'cancelled';
  }

  /** Neither cancelled nor ended by the handler. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  onCancelled(listener: () => void): void {
    if (this.#state === 'open') this.#listeners.push(listener);
    else if (this.#state === 'cancelled') queueMicrotask(listener);
  }

  onEnded(listener: () => void): void {
    if (this.#state === 'open') this.#onEnded = listener;
    else queueMicrotask(listener);
  }

  /** The handler has ended the call: `tell` tells the client, before anyone else hears of it. Does nothing if the call was over already. */
  end(code: Status, tell: () => void): void {
    if (this.#state === 'open') this.#finish('ended', code, tell);
  }

  /** The server has stopped: the client is told so, and the handler that nobody waits any more. */
  breakOff(): void {
    if (this.#state !== 'open') return;
    const listeners = this.#listeners;
    this.#finish('cancelled', STOPPED.code, () => {
      this.tellStopped();
      for (const listener of listeners) listener();
    });
  }

  #cancel(): void {
    if (this.#state !== 'open') return;
    const listeners = this.#listeners;
    const deadline = this.#surface.getDeadline();
    this.#finish('cancelled', Number(deadline) <= Date.now() ? Status.deadlineExceeded : Status.canceled, () => {
      for (const listener of listeners) listener();
    });
  }

  #finish(state: 'cancelled' | 'ended', code: Status, tell: () => void): void {
    this.#state = state;
    this.#listeners = [];
    this.#open.delete(this);
    tell();
    try {
      this.#onEnded?.();
      this.#observer.handled(code, (performance.now() - this.#startedAt) / 1000);
    } catch (error) {
      this.#onError(this.method, error);
    }
  }

  #readMetadata(): ReadonlyMap<string, string> {
    const { metadata } = this.#surface;
    const map = new Map<string, string>();
    for (const name of Object.keys(metadata.getMap())) {
      if (!name.endsWith('-bin')) map.set(name, metadata.get(name).join(', '));
    }
    return map;
  }
}
