/** A client's conversation with a served watch stream, over a wire whose every push-back is decided by the test. */

import { assert, type Bytes, keyOf, SeededPrng, SimulatedClock } from '../../../src/base/index.ts';
import { joined } from '../../../src/codec/index.ts';
import { mvccpb, etcdserverpb as pb } from '../../../src/gen/etcd.js';
import { type WatchOptions, watchMethod } from '../../../src/rpc/index.ts';
import { WatchableStore } from '../../../src/watch/index.ts';
import type { CallContext, CallStatus, DuplexStream, Message } from '../../../src/wire/index.ts';
import { FakeMember } from '../../support/fake-member.ts';
import { testAuth } from '../../support/test-auth.ts';
import { type Change, FakeHistory } from '../../watch/fake-history.ts';

/** The wire's side of a stream. */
export class FakeDuplexStream implements DuplexStream {
  readonly written: Bytes[] = [];
  /** Lets so many messages through and answers the last of them with false. */
  credit = Number.POSITIVE_INFINITY;
  ended: CallStatus | 'ok' | undefined;
  failed: unknown;
  paused = false;
  /** Messages that the client has sent and that are held back. */
  readonly inbox: Bytes[] = [];
  #onMessage: (message: Bytes) => void = () => {};
  #onHalfClose: () => void = () => {};
  #onWritable: () => void = () => {};

  write(message: Message): boolean {
    assert(this.credit > 0, 'a write after one that returned false');
    assert(this.ended === undefined, 'a write after the end');
    this.written.push(joined(message));
    return --this.credit > 0;
  }

  onWritable(listener: () => void): void {
    this.#onWritable = listener;
  }

  end(status?: CallStatus): void {
    this.ended ??= status ?? 'ok';
  }

  fail(error: unknown): void {
    this.failed = error;
  }

  onMessage(listener: (message: Bytes) => void): void {
    this.#onMessage = listener;
  }

  onHalfClose(listener: () => void): void {
    this.#onHalfClose = listener;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#deliver();
  }

  // ---- What the client does ----

  send(message: Bytes): void {
    this.inbox.push(message);
    this.#deliver();
  }

  halfClose(): void {
    this.#onHalfClose();
  }

  /** Reads so many messages more. */
  read(messages: number = Number.POSITIVE_INFINITY): void {
    const wasHeld = this.credit === 0;
    this.credit += messages;
    if (wasHeld) this.#onWritable();
  }

  #deliver(): void {
    while (!this.paused) {
      const message = this.inbox.shift();
      if (message === undefined) return;
      this.#onMessage(message);
    }
  }
}

export class FakeCall implements CallContext {
  readonly method = '/etcdserverpb.Watch/Watch';
  readonly metadata = new Map<string, string>();
  readonly peer = '127.0.0.1:1';
  readonly commonName = undefined;
  cancelled = false;
  readonly #listeners: (() => void)[] = [];

  onCancelled(listener: () => void): void {
    this.#listeners.push(listener);
  }

  onEnded(): void {}

  cancel(): void {
    this.cancelled = true;
    for (const listener of this.#listeners) listener();
  }
}

export interface ConversationOptions {
  readonly clock?: SimulatedClock;
  readonly requestBytesMax?: number;
  readonly progressIntervalMs?: number;
  readonly member?: FakeMember;
  readonly token?: string;
  /** Called for each header. */
  readonly onHeader?: () => void;
}

const HEADER = { clusterId: 0xffff_ffff_ffff_fff0n, memberId: 7n, term: 3 };

export class Conversation {
  readonly clock: SimulatedClock;
  readonly history = new FakeHistory();
  readonly store: WatchableStore;
  /** What the metrics were told: kind and number of events. */
  readonly observed: string[] = [];
  readonly stream = new FakeDuplexStream();
  readonly call = new FakeCall();
  #heard = 0;

  constructor(options: ConversationOptions = {}) {
    this.clock = options.clock ?? new SimulatedClock();
    this.store = new WatchableStore(this.history, this.clock);
    const { member = new FakeMember() } = options;
    if (options.token !== undefined) this.call.metadata.set('token', options.token);
    const watchOptions: WatchOptions = {
      watchable: this.store,
      clock: this.clock,
      prng: new SeededPrng(1),
      header: {
        ...HEADER,
        get term() {
          options.onHeader?.();
          return HEADER.term;
        },
      },
      progressIntervalMs: options.progressIntervalMs ?? 600_000,
      requestBytesMax: options.requestBytesMax ?? 1_572_864,
      observe: (kind, _seconds, _messages, events) => this.observed.push(`${kind} ${events}`),
      member,
      callers: testAuth(member).callers,
    };
    const method = watchMethod(watchOptions);
    assert(method.kind === 'duplex', 'Watch is a conversation');
    this.store.start();
    void method.handler(this.stream, this.call);
  }

  create(fields: Readonly<Record<string, unknown>>): void {
    this.#send({ create_request: bytesIn(fields) });
  }

  cancel(watchId: number | bigint): void {
    this.#send({ cancel_request: { watch_id: watchId } });
  }

  progress(): void {
    this.#send({ progress_request: {} });
  }

  /** 'a=1', or 'a' for a delete; several are one revision. */
  write(...changes: string[]): void {
    const events = this.history.apply(
      changes.map((text): Change => {
        const [key = '', value] = text.split('=');
        return value === undefined ? { type: 'delete', key } : { type: 'put', key, value };
      }),
    );
    this.store.notify(this.history.currentRevision, events);
  }

  /** What was written since the last time, when everything has come to rest; time passes by `ms`. */
  async hears(ms = 0): Promise<string[]> {
    return (await this.messages(ms)).map(describe);
  }

  async messages(ms = 0): Promise<pb.WatchResponse[]> {
    await this.#rest();
    for (let i = 0; i < ms; i++) {
      this.clock.advance(1);
      await this.#rest();
    }
    const fresh = this.stream.written.slice(this.#heard);
    this.#heard = this.stream.written.length;
    return fresh.map(decode);
  }

  /** Until nothing is left to be done at this moment. */
  async #rest(): Promise<void> {
    for (let before = -1; before !== this.stream.written.length; ) {
      before = this.stream.written.length;
      await microtasks();
      this.clock.advance(0);
      await microtasks();
    }
  }

  #send(request: Readonly<Record<string, unknown>>): void {
    this.stream.send(pb.WatchRequest.encode(pb.WatchRequest.fromObject(request)).finish());
  }
}

/** Everything queued in this turn has run. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Keys may be given as text. */
function bytesIn(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? Buffer.from(value, 'latin1') : value,
    ]),
  );
}

/** Checks as well that the bytes are those that the generated encoder would have made, in whatever order of fields. */
function decode(bytes: Bytes): pb.WatchResponse {
  const response = pb.WatchResponse.decode(bytes);
  const generated = pb.WatchResponse.encode(response).finish();
  assert(
    Buffer.compare(Buffer.from(generated).sort(), Buffer.from(bytes).sort()) === 0,
    'bytes unlike the generated encoder’s',
  );
  const { header } = response;
  assert(BigInt(String(header?.cluster_id)) === HEADER.clusterId, 'another cluster');
  assert(Number(header?.member_id) === 7 && Number(header?.raft_term) === 3, 'another member or term');
  return response;
}

/** 'w3 rev=5 created', 'w3 rev=6 put a=1@6 (was 0@5)' */
export function describe(response: pb.WatchResponse): string {
  const words = [`w${String(response.watch_id ?? 0)}`, `rev=${String(response.header?.revision ?? 0)}`];
  if (response.created) words.push('created');
  if (response.canceled) words.push('canceled');
  if (Number(response.compact_revision) > 0) words.push(`compact_revision=${String(response.compact_revision)}`);
  if (response.cancel_reason) words.push(`'${response.cancel_reason}'`);
  if (response.fragment) words.push('fragment');
  for (const event of response.events ?? []) words.push(describeEvent(event));
  return words.join(' ');
}

function describeEvent({ type, kv, prev_kv }: mvccpb.Event.$Properties): string {
  const previous = prev_kv ? ` (was ${pair(prev_kv)})` : '';
  const what = type === mvccpb.Event.EventType.DELETE ? `del ${keyOf(kv?.key ?? new Uint8Array())}` : `put ${pair(kv)}`;
  return what + previous;
}

function pair(kv: mvccpb.KeyValue.$Properties | null | undefined): string {
  const value = kv?.value ?? new Uint8Array();
  const shown = value.length > 9 ? `*${value.length}` : keyOf(value);
  return `${keyOf(kv?.key ?? new Uint8Array())}=${shown}@${String(kv?.mod_revision)}`;
}
