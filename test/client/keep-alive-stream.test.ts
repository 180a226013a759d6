/**
 * The keepalives of a client whose process is held up, and of servers that are late or silent: a lease is lost only if no server can be said to have
 * kept it. Time is moved by hand; what servers answer waits until the process gets round to hearing it.
 */

import { expect, test } from 'vitest';
import { type Bytes, type Clock, SimulatedClock, type Timer } from '../../src/base/index.ts';
import { KeepAliveStream } from '../../src/client/keep-alive.ts';
import { KeepAlives } from '../../src/client/keep-alives.ts';
import type { RawStream, StreamListeners } from '../../src/client/transport.ts';
import { decodeLeaseKeepAlive, encodeLeaseKeepAliveResponse } from '../../src/codec/index.ts';

const TTL_SECONDS = 6;
const HEADER = { clusterId: 1n, memberId: 1n, revision: 1, term: 1 };

/** Of a process that can be held up: time passes and nothing happens, until it goes on with what is late. */
class Process implements Pick<Clock, 'now' | 'after'> {
  readonly #simulated = new SimulatedClock();
  #heldMs = 0;
  /** Called towards the end of each turn: what has come is handed out. */
  hear: () => void = () => undefined;

  now(): number {
    return this.#simulated.now() + this.#heldMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    return this.#simulated.after(delayMs, () => {
      if (delayMs === 0) this.hear();
      fire();
    });
  }

  holdUp(ms: number): void {
    this.#heldMs += ms;
  }

  run(ms: number): void {
    this.#simulated.advance(ms);
  }
}

interface Arriving {
  readonly at: number;
  readonly id: bigint;
  readonly to: StreamListeners;
}

/** What waits to be sent on a stream, and how much of it may still go in this turn. */
interface Sending {
  readonly waiting: (() => void)[];
  left: number;
}

/** Members that answer each keepalive after a time of their own, or never. */
class Members {
  readonly asked: { readonly endpoint: string; readonly id: bigint }[] = [];
  streams = 0;
  readonly #process: Process;
  latencyMs: readonly number[];
  #arriving: Arriving[] = [];
  /** On one stream; of each turn the process hears something in. */
  readonly #sentATurn: number;
  readonly #sending = new Map<StreamListeners, Sending>();
  #current = 0;

  constructor(process: Process, latencyMs: readonly number[], sentATurn = Infinity) {
    this.#process = process;
    this.latencyMs = latencyMs;
    this.#sentATurn = sentATurn;
    process.hear = () => this.#handOut();
  }

  duplex(_method: string, to: StreamListeners): RawStream {
    const number = this.#current;
    const endpoint = `member ${number}`;
    const sending: Sending = { waiting: [], left: this.#sentATurn };
    this.#sending.set(to, sending);
    this.streams++;
    return {
      endpoint,
      send: (message: Bytes) => {
        const id = decodeLeaseKeepAlive(Buffer.from(message));
        sending.waiting.push(() => {
          this.asked.push({ endpoint, id });
          this.#arriving.push({ at: this.#process.now() + (this.latencyMs[number] ?? 0), id, to });
        });
        send(sending);
      },
      halfClose: () => undefined,
      cancel: () => {
        this.#sending.delete(to);
        this.#arriving = this.#arriving.filter((one) => one.to !== to);
      },
      pause: () => undefined,
      resume: () => undefined,
    };
  }

  failed(): void {
    this.#current = (this.#current + 1) % this.latencyMs.length;
  }

  #handOut(): void {
    const now = this.#process.now();
    const come = this.#arriving.filter(({ at }) => at <= now);
    this.#arriving = this.#arriving.filter(({ at }) => at > now);
    for (const { id, to } of come) to.onMessage(encodeLeaseKeepAliveResponse(HEADER, id, TTL_SECONDS));
    for (const sending of this.#sending.values()) {
      sending.left = this.#sentATurn;
      send(sending);
    }
  }
}

function send(sending: Sending): void {
  const { left, waiting } = sending;
  const sent = waiting.splice(0, left);
  sending.left -= sent.length;
  for (const each of sent) each();
}

function setup(...latencyMs: readonly number[]) {
  const process = new Process();
  const members = new Members(process, latencyMs);
  return { process, members, client: new KeepAliveStream(members, process) };
}

test('many leases that are kept alive from one turn on do not take it for silence', () => {
  const { process, members, client } = setup(1);
  const kept = Array.from({ length: 3000 }, (_, i) => {
    // It takes its time to begin, and nothing can be heard meanwhile.
    process.holdUp(1);
    return client.keepAlive(BigInt(i + 1));
  });
  process.run(200);
  expect(members.streams).toBe(1);
  expect(kept.filter(({ aliveUntil }) => aliveUntil > process.now())).toHaveLength(3000);
});

test('who is held up hears what came meanwhile before he gives up a stream or a lease', () => {
  const { process, members, client } = setup(1);
  const kept = client.keepAlive(1n);
  process.run(200);
  // Until it is asked again, a third of the TTL later; and the answer waits while the first one ends.
  process.run(1850);
  expect(members.asked).toHaveLength(2);
  process.holdUp(5000);
  expect(kept.aliveUntil).toBeLessThan(process.now());
  process.run(200);
  expect(kept.signal.aborted).toBe(false);
  expect(kept.aliveUntil).toBeGreaterThan(process.now());
  expect(members.streams).toBe(1);
});

test('who is held up again and again keeps his leases, and his stream', () => {
  const { process, members, client } = setup(50);
  const kept = Array.from({ length: 100 }, (_, i) => client.keepAlive(BigInt(i + 1)));
  for (let i = 0; i < 100; i++) {
    process.holdUp(1500);
    process.run(100);
  }
  expect(kept.filter(({ signal }) => signal.aborted)).toEqual([]);
  expect(members.streams).toBe(1);
});

test('a member that is late keeps the leases: it is given longer when it was given up before', () => {
  const { process, members, client } = setup(1000 * TTL_SECONDS * 0.4);
  const kept = Array.from({ length: 100 }, (_, i) => client.keepAlive(BigInt(i + 1)));
  process.run(120_000);
  expect(kept.filter(({ signal }) => signal.aborted)).toEqual([]);
  // Two times, at the first question: after one second, after two more.
  expect(members.streams).toBe(3);
});

test('a process that is slow to send spreads its leases over streams', () => {
  const process = new Process();
  const members = new Members(process, [1], 2);
  const client = new KeepAlives(members, process);
  const ids = Array.from({ length: 640 }, (_, i) => BigInt(i + 1));
  // Twice each: what is the same lease is on the same stream.
  const kept = [...ids, ...ids].map((id) => client.keepAlive(id));
  expect(members.streams).toBe(20);
  process.run(60_000);
  expect(kept.filter(({ signal }) => signal.aborted)).toEqual([]);
  // Three a TTL, and not one for each who asks.
  expect(members.asked.length).toBeLessThan(640 * 32);
});

test('a member that is silent is left for the next one, and that for a third', () => {
  const { process, members, client } = setup(Infinity, Infinity, 1);
  const kept = client.keepAlive(1n);
  process.run(2500);
  expect(members.asked.map(({ endpoint }) => endpoint)).toEqual(['member 0', 'member 1', 'member 2']);
  expect(kept.aliveUntil).toBeGreaterThan(0);
  members.latencyMs = [1, Infinity, Infinity];
  process.run(60_000);
  expect(kept.signal.aborted).toBe(false);
});

test('a lease is lost when its TTL has passed since the last question that was answered, and not before', () => {
  const { process, members, client } = setup(1);
  const kept = client.keepAlive(1n);
  process.run(1000);
  members.latencyMs = [Infinity];
  process.run(1000 * TTL_SECONDS - 1001);
  expect(kept.signal.aborted).toBe(false);
  process.run(101);
  expect(kept.signal.aborted).toBe(true);
});
