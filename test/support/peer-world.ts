/** Members that talk to each other in a test: over the network, or through the one in memory. */

import type { AddressInfo, Socket } from 'node:net';
import {
  type Bytes,
  type Clock,
  type Logger,
  SeededPrng,
  SILENT_LOGGER,
  SimulatedClock,
} from '../../src/base/index.ts';
import { RealClock } from '../../src/node/real-clock.ts';
import {
  channelOpener,
  GrpcPeers,
  MemoryNetwork,
  type OpenChannel,
  type OutgoingSnapshot,
  PEER_REQUEST_BYTES_MAX,
  type PeerAddress,
  type PeerObserver,
  type PeerReceiver,
  type PeerTransport,
  peerMethods,
  UNOBSERVED_PEERS,
} from '../../src/peer/index.ts';
import type { MemberId, Message, MessageBody, MessageOf } from '../../src/raft/index.ts';
import type { OnRefused, TlsPolicy } from '../../src/tls/index.ts';
import { GrpcJsServer, type Methods, PortMux, unobserved } from '../../src/wire/index.ts';

export const CLUSTER_ID = 0xc1n;

export type TakeSnapshot = PeerReceiver['receiveSnapshot'];

/** Records what comes in. */
export class Inbox implements PeerReceiver {
  readonly messages: Message[] = [];
  onMessage: (message: Message) => void = () => {};
  /** What is done with a snapshot. */
  takeSnapshot: TakeSnapshot = async (_message, chunks) => {
    for await (const chunk of chunks) void chunk;
  };

  receive(message: Message): void {
    this.messages.push(message);
    this.onMessage(message);
  }

  receiveSnapshot(message: MessageOf<'installSnapshot'>, chunks: AsyncIterable<Bytes>): Promise<void> {
    return this.takeSnapshot(message, chunks);
  }

  /** What is answered to a question. */
  answerTo: (question: Bytes) => Promise<Bytes> = async (question) => question;

  answer(question: Bytes): Promise<Bytes> {
    return this.answerTo(question);
  }
}

export interface TestMember {
  readonly id: MemberId;
  readonly inbox: Inbox;
  readonly transport: PeerTransport;
  readonly address: PeerAddress;
}

export interface PeerWorld {
  /** Starts members that know each other. */
  start(...ids: MemberId[]): Promise<TestMember[]>;
  /** Lets time pass until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  end(): Promise<void>;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function introduce(members: readonly TestMember[]): Promise<void> {
  for (const { transport } of members) transport.setPeers(members.map(({ address }) => address));
  await turn();
}

export class MemoryWorld implements PeerWorld {
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly network: MemoryNetwork;
  #members: TestMember[] = [];
  #ended = false;

  constructor(seed = 1) {
    this.network = new MemoryNetwork(this.clock, new SeededPrng(seed));
  }

  async start(...ids: MemberId[]): Promise<TestMember[]> {
    const members = ids.map((id) => {
      const inbox = new Inbox();
      return { id, inbox, transport: this.network.join(id, inbox), address: { id, urls: [] } };
    });
    this.#members.push(...members);
    await introduce(this.#members);
    return members;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      // A test that has failed must not go on for ever.
      if (this.#ended) throw new Error('it has not come to this');
      await turn();
      this.clock.advance(1);
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const { transport } of this.#members) await transport.close();
    this.#members = [];
  }
}

export interface GrpcMemberOptions {
  /** What it gives to one that has lost its own. */
  readonly state?: OutgoingSnapshot;
  readonly clusterId?: bigint;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly observer?: Partial<PeerObserver>;
  readonly openChannel?: OpenChannel;
  /** Of the server. */
  readonly tls?: TlsPolicy;
  readonly onRefused?: OnRefused;
}

/** The server of a peer port, which can be cut off. */
export class PeerServer {
  readonly #server: GrpcJsServer;
  readonly #mux: PortMux;
  readonly #sockets = new Set<Socket>();

  constructor(methods: Methods, { tls, onRefused }: Pick<GrpcMemberOptions, 'tls' | 'onRefused'> = {}) {
    this.#server = new GrpcJsServer({
      methods,
      requestBytesMax: PEER_REQUEST_BYTES_MAX,
      streamsMax: 1000,
      keepaliveIntervalMs: 60_000,
      keepaliveTimeoutMs: 20_000,
      clientPingMinMs: 5000,
      clock: new RealClock(),
      observer: unobserved,
      onError: (_, error) => {
        throw error;
      },
    });
    this.#mux = new PortMux({
      grpc: (socket) => {
        this.#sockets.add(socket);
        this.#server.accept(socket);
      },
      http: (socket) => socket.destroy(),
      tls,
      onRefused,
    });
  }

  listen(port: number): Promise<AddressInfo> {
    return this.#mux.listen('127.0.0.1', port);
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    await this.#mux.close();
    this.cut();
    await this.#server.close(0);
  }
}

export class GrpcWorld implements PeerWorld {
  readonly clock: Clock = new RealClock();
  readonly #closes: (() => Promise<void>)[] = [];
  #seed = 1;
  #ended = false;

  atEnd(close: () => Promise<void>): void {
    this.#closes.push(close);
  }

  /** The port of a member with this id, which must be unique to the world. */
  async serve(id: MemberId, inbox: Inbox, options: GrpcMemberOptions = {}, port = 0): Promise<[PeerServer, number]> {
    const server = new PeerServer(
      peerMethods({
        clusterId: options.clusterId ?? CLUSTER_ID,
        memberId: id,
        receiver: inbox,
        members: () => [],
        state: () => Promise.resolve(options.state ?? new TestSnapshot(0)),
        clock: options.clock ?? this.clock,
        logger: options.logger ?? SILENT_LOGGER,
        observer: { ...UNOBSERVED_PEERS, ...options.observer },
      }),
      options,
    );
    const address = await server.listen(port);
    this.atEnd(() => server.close());
    return [server, address.port];
  }

  transport(id: MemberId, options: GrpcMemberOptions = {}): PeerTransport {
    const transport = new GrpcPeers({
      clusterId: options.clusterId ?? CLUSTER_ID,
      memberId: id,
      clock: options.clock ?? this.clock,
      prng: new SeededPrng(this.#seed++),
      logger: options.logger ?? SILENT_LOGGER,
      observer: { ...UNOBSERVED_PEERS, ...options.observer },
      openChannel: options.openChannel ?? channelOpener(),
    });
    this.atEnd(() => transport.close());
    return transport;
  }

  async start(...ids: MemberId[]): Promise<TestMember[]> {
    const members: TestMember[] = [];
    for (const id of ids) {
      const inbox = new Inbox();
      const [, port] = await this.serve(id, inbox);
      const address = { id, urls: [`http://127.0.0.1:${port}`] };
      members.push({ id, inbox, transport: this.transport(id), address });
    }
    await introduce(members);
    return members;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw new Error('it has not come to this');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#closes.splice(0).map((close) => close()));
  }
}

type Ends = Pick<Message, 'from' | 'to' | 'term'>;

/** A message from one to another. */
export function message<Body extends MessageBody>(from: MemberId, to: MemberId, body: Body): Ends & Body {
  return { from, to, term: 3, ...body };
}

export const heartbeat = (from: MemberId, to: MemberId, round: number): Message =>
  message(from, to, { kind: 'heartbeat', commit: 0, round });

/** An append of one entry of so many bytes, known by its index. */
export function append(from: MemberId, to: MemberId, index: number, bytes = 10): Message {
  const entries = [{ kind: 'normal' as const, index: index + 1, term: 3, data: new Uint8Array(bytes) }];
  return message(from, to, { kind: 'appendEntries', prevIndex: index, prevTerm: 3, entries, commit: 0, quiet: false });
}

export function installSnapshot(from: MemberId, to: MemberId): MessageOf<'installSnapshot'> {
  const configuration = { voters: ['1', '2'], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return message(from, to, { kind: 'installSnapshot', snapshot: { index: 9, term: 2, configuration } });
}

/** A snapshot of so many chunks, chunk i full of i. Counts what is done with it. */
export class TestSnapshot implements OutgoingSnapshot {
  readonly chunks: AsyncIterable<Bytes>;
  readonly chunkBytes: number;
  produced = 0;
  closed = 0;
  /** Throw here to break the source. */
  onChunk: (number: number) => void = () => {};

  constructor(count: number, chunkBytes = 1000) {
    this.chunkBytes = chunkBytes;
    this.chunks = this.#produce(count);
  }

  close(): void {
    this.closed += 1;
  }

  async *#produce(count: number): AsyncGenerator<Bytes> {
    for (let i = 0; i < count; i++) {
      this.onChunk(i);
      this.produced += 1;
      yield new Uint8Array(this.chunkBytes).fill(i);
      await turn();
    }
  }
}
