/**
 * One client's connection: which frame means what (RFC 9113), and what happens to one who breaks the rules.
 *
 *     socket -> FrameParser -> here -> HEADERS, CONTINUATION   a block is read, a Stream begins (or an HttpStream)
 *                                      DATA, RST_STREAM        go to their Stream
 *                                      SETTINGS, PING          are acknowledged
 *                                      WINDOW_UPDATE           lets the Transmitter or a Stream go on
 *                                      PRIORITY, GOAWAY        are of no concern: everyone here is served in turn
 *
 * A client that breaks the protocol, or a limit of limits.ts, is told so by GOAWAY and cut. Its calls are cancelled; nobody else notices.
 */

import type { Duplex } from 'node:stream';
import { AscendingMap, type Bytes, type Clock, Status, type Timer } from '../../base/index.ts';
import type { CallStatus, Method } from '../port.ts';
import type { AnswerHttp } from '../server.ts';
import { ConnectionError, ErrorCode, FrameFlag, FrameType, readUint32, WINDOW_BYTES_INITIAL } from './frame.ts';
import { FrameParser, type FrameSink } from './frame-parser.ts';
import { HeaderDecoder } from './header-decoder.ts';
import { HttpStream } from './http-stream.ts';
import { Keepalive } from './keepalive.ts';
import * as limits from './limits.ts';
import { PingPolicy } from './ping-policy.ts';
import { type HttpHead, type NoHead, type RequestHead, RequestHeads } from './request-head.ts';
import { httpRefusal, trailersOnly } from './response-headers.ts';
import { ownSettings, streamWindowOf, windowAdded } from './settings.ts';
import { type Route, Stream } from './stream.ts';
import type { OpenStream, StreamHost } from './stream-host.ts';
import { Transmitter } from './transmitter.ts';
import type { Turn, Waiting } from './turn.ts';

/** Who is at the other end, as far as is known. */
export interface Peer {
  /** 'host:port' */
  readonly address: string;
  /** Of the client's certificate, if it showed one. */
  readonly commonName: string | undefined;
}

/** What a connection has from its server. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly requestBytesMax: number;
  readonly streamsMax: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly clientPingMinMs: number;
  readonly routes: ReadonlyMap<string, Route>;
  readonly http: AnswerHttp | undefined;
  readonly answer: (stream: Stream, method: Method, request: Bytes) => void;
  readonly begin: (stream: Stream, method: Method) => void;
  readonly guarded: (stream: Stream, listener: () => void) => void;
}

/** A header block whose end has not come. */
interface OpenBlock {
  readonly streamId: number;
  readonly isEndOfStream: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

const PING_PAYLOAD: Buffer = Buffer.from('watchful');
const EMPTY: Buffer = Buffer.alloc(0);

export class Connection implements FrameSink, StreamHost, Waiting {
  readonly transmitter: Transmitter;
  readonly peer: string;
  readonly commonName: string | undefined;
  readonly #context: ConnectionContext;
  readonly #socket: Duplex;
  readonly #parser = new FrameParser(this);
  readonly #decoder = new HeaderDecoder(limits.HEADER_LIST_BYTES_MAX);
  readonly #heads = new RequestHeads(this.#decoder);
  readonly #keepalive: Keepalive;
  readonly #pings: PingPolicy;
  readonly #controls = new limits.RateLimit(limits.CONTROL_FRAMES_PER_SECOND_MAX);
  readonly #settings = new limits.RateLimit(limits.SETTINGS_PER_SECOND_MAX);
  readonly #resets = new limits.RateLimit(limits.RESETS_PER_SECOND_MAX);
  readonly #streams = new AscendingMap<OpenStream>();
  #httpStreams = 0;
  /** Runs until the first SETTINGS, and again from GOAWAY to the end. */
  #patience: Timer;
  #hasSettings = false;
  #lastStreamId = 0;
  #block: OpenBlock | undefined;
  /** Of the DATA frame that is coming in. */
  #dataStream: OpenStream | undefined;
  #dataBytes = 0;
  #receiveWindow = limits.CONNECTION_WINDOW_BYTES;
  #keptBytes = 0;
  #streamWindow = WINDOW_BYTES_INITIAL;
  #isDraining = false;
  #isOver = false;
  /** Of the last chunk, for the next turn. */
  #rest: Buffer = EMPTY;

  constructor(context: ConnectionContext, socket: Duplex, peer: Peer) {
    this.#context = context;
    this.#socket = socket;
    this.peer = peer.address;
    this.commonName = peer.commonName;
    this.transmitter = new Transmitter(socket, context.turn, () =>
      this.#fail(ErrorCode.enhanceYourCalm, 'too much is waiting to be read'),
    );
    this.#pings = new PingPolicy(context.clientPingMinMs);
    this.#patience = context.clock.after(limits.HANDSHAKE_MS_MAX, () => socket.destroy());
    this.#keepalive = new Keepalive(context.clock, {
      intervalMs: context.keepaliveIntervalMs,
      timeoutMs: context.keepaliveTimeoutMs,
      ping: () => this.transmitter.control(FrameType.ping, 0, 0, PING_PAYLOAD),
      cut: () => socket.destroy(),
    });
    this.transmitter.control(FrameType.settings, 0, 0, ownSettings(context.streamsMax));
    this.transmitter.windowUpdate(0, windowAdded(limits.CONNECTION_WINDOW_BYTES));
    socket.on('data', (chunk: Buffer) => this.#feed(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#closed());
    socket.resume();
  }

  /** Lets calls under way finish, takes no more, and closes. */
  drain(): void {
    if (this.#isOver || this.#isDraining) return;
    this.#isDraining = true;
    this.transmitter.goAway(this.#lastStreamId, ErrorCode.noError, '');
    for (const stream of this.#streams.values()) stream.leave();
    this.#closeIfDone();
  }

  /** Ends what is left of the calls. */
  breakOff(): void {
    for (const stream of this.#streams.values()) stream.breakOff();
  }

  // ---- what comes in ----

  get isHeld(): boolean {
    return this.#isOver || !this.#context.turn.hasTime();
  }

  #feed(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#keepalive.heard();
    try {
      const taken = this.#parser.feed(chunk);
      if (taken < chunk.length && !this.#isOver) this.#keepRest(chunk.subarray(taken));
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error.code, error.message);
    }
  }

  /** The turn is over: the rest of a chunk is for the next. */
  #keepRest(rest: Buffer): void {
    this.#rest = rest;
    this.#socket.pause();
    this.#context.turn.wait(this);
  }

  goOn(): void {
    const rest = this.#rest;
    this.#rest = EMPTY;
    this.#feed(rest);
    if (this.#rest.length === 0 && !this.#isOver) this.#socket.resume();
  }

  dataBegin(streamId: number, payloadBytes: number): void {
    this.#expectNoBlock();
    if (streamId === 0 || this.#isIdle(streamId))
      throw new ConnectionError(ErrorCode.protocolError, 'DATA of no stream');
    this.#receiveWindow -= payloadBytes;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(ErrorCode.flowControlError, 'more than the window of the connection');
    this.#dataBytes = payloadBytes;
    // Of one that is closed here: it crossed our end of it.
    const stream = this.#streams.get(streamId);
    if (stream?.isHalfClosed === true) return this.#reset(stream, ErrorCode.streamClosed);
    if (stream?.takeFromWindow(payloadBytes) === false) return this.#reset(stream, ErrorCode.flowControlError);
    this.#dataStream = stream;
    return undefined;
  }

  data(content: Buffer): void {
    this.#dataStream?.receive(content);
  }

  dataEnd(isEndOfStream: boolean): void {
    if (this.#dataBytes === 0 && !isEndOfStream) this.#countControl();
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (isEndOfStream) stream?.halfClose();
    else stream?.received();
    // What waits for the rest of a message must not make others wait. What one may keep is bounded elsewhere.
    const owed = limits.CONNECTION_WINDOW_BYTES - this.#receiveWindow;
    if (owed < limits.CONNECTION_WINDOW_BYTES / 4) return;
    this.#receiveWindow += owed;
    this.transmitter.windowUpdate(0, owed);
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type !== FrameType.continuation) this.#expectNoBlock();
    if (!this.#hasSettings && type !== FrameType.settings)
      throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS come first');
    switch (type) {
      case FrameType.headers:
        return this.#headers(flags, streamId, payload);
      case FrameType.continuation:
        return this.#continuation(flags, streamId, payload);
      case FrameType.resetStream:
        return this.#resetStream(streamId, payload);
      case FrameType.settings:
        return this.#takeSettings(flags, streamId, payload);
      case FrameType.ping:
        return this.#ping(flags, streamId, payload);
      case FrameType.windowUpdate:
        return this.#windowUpdate(streamId, payload);
      case FrameType.goAway:
        if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'GOAWAY of a stream');
        // It opens no more. What it has open is finished.
        return this.#countControl();
      case FrameType.priority:
        if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'PRIORITY of no stream');
        if (payload.length !== 5) this.#resetUnknown(streamId, ErrorCode.frameSizeError);
        return this.#countControl();
      case FrameType.pushPromise:
        throw new ConnectionError(ErrorCode.protocolError, 'a client that pushes');
      default:
        return this.#countControl();
    }
  }

  // ---- calls ----

  #headers(flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0) throw new ConnectionError(ErrorCode.protocolError, 'HEADERS of no stream of a client');
    const block = { streamId, isEndOfStream: (flags & FrameFlag.endStream) !== 0 };
    const part = withoutPadding(flags, streamId, payload);
    if ((flags & FrameFlag.endHeaders) !== 0) return this.#readBlock(block.streamId, block.isEndOfStream, part);
    this.#block = { ...block, parts: [Buffer.from(part)], bytes: part.length };
    return undefined;
  }

  #continuation(flags: number, streamId: number, payload: Buffer): void {
    const block = this.#block;
    if (block?.streamId !== streamId) throw new ConnectionError(ErrorCode.protocolError, 'CONTINUATION of nothing');
    block.parts.push(Buffer.from(payload));
    block.bytes += payload.length;
    if (block.bytes > limits.HEADER_BLOCK_BYTES_MAX || block.parts.length > limits.CONTINUATIONS_MAX) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a header block too large');
    }
    if ((flags & FrameFlag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#readBlock(streamId, block.isEndOfStream, Buffer.concat(block.parts));
  }

  #readBlock(streamId: number, isEndOfStream: boolean, block: Buffer): void {
    const open = this.#streams.get(streamId);
    if (open === undefined && streamId <= this.#lastStreamId) {
      // Of one that is closed here. Its block must be read all the same: it may change the table.
      this.#decoder.decode(block);
      return this.#countReset();
    }
    if (open !== undefined) {
      this.#decoder.decode(block);
      // Trailers: nobody asks for them. Anything else is none.
      if (!isEndOfStream || open.isHalfClosed) return this.#reset(open, ErrorCode.protocolError);
      return open.halfClose();
    }
    this.#lastStreamId = streamId;
    this.#beginStream(streamId, isEndOfStream, this.#heads.read(block));
    return undefined;
  }

  #beginStream(streamId: number, isEndOfStream: boolean, head: RequestHead | NoHead): void {
    if (head === 'malformed') return this.#resetUnknown(streamId, ErrorCode.protocolError);
    if (head === 'tooLarge') return this.#resetUnknown(streamId, ErrorCode.enhanceYourCalm);
    if (this.#isDraining || this.#streams.size >= Math.min(this.#context.streamsMax, limits.STREAMS_MAX)) {
      return this.#resetUnknown(streamId, ErrorCode.refusedStream);
    }
    if ('http' in head) return this.#beginHttp(streamId, isEndOfStream, head.http);
    if ('httpStatus' in head) return this.#refuse(streamId, isEndOfStream, httpRefusal(head.httpStatus));
    const route = this.#context.routes.get(head.path);
    if (head.refusal !== undefined) return this.#refuse(streamId, isEndOfStream, trailersOnly(head.refusal));
    if (route === undefined) return this.#refuse(streamId, isEndOfStream, trailersOnly(unknownMethod(head.path)));
    const stream = new Stream(this, streamId, route, head, this.#streamWindow);
    this.#streams.set(streamId, stream);
    this.#context.begin(stream, route.method);
    if (isEndOfStream) stream.halfClose();
    return undefined;
  }

  #beginHttp(streamId: number, isEndOfStream: boolean, { method, url }: HttpHead): void {
    const { http } = this.#context;
    if (http === undefined) return this.#refuse(streamId, isEndOfStream, httpRefusal(415));
    if (this.#httpStreams >= limits.HTTP_STREAMS_MAX) return this.#resetUnknown(streamId, ErrorCode.refusedStream);
    this.#httpStreams++;
    const stream = new HttpStream(this, streamId, this.#streamWindow);
    this.#streams.set(streamId, stream);
    if (isEndOfStream) stream.halfClose();
    // Counted until it is made, not until it is sent: making it is what costs, and what waits is counted by the transmitter.
    void http(method, url).then((answer) => {
      this.#httpStreams--;
      if (answer === 'http1Only') this.#reset(stream, ErrorCode.http11Required);
      else stream.answer(answer, method !== 'HEAD');
    });
    return undefined;
  }

  /** An answer to a call that never begins. */
  #refuse(streamId: number, isEndOfStream: boolean, answer: Buffer): void {
    this.transmitter.frame(answer, streamId);
    if (!isEndOfStream) this.#resetUnknown(streamId, ErrorCode.noError);
  }

  #resetStream(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (streamId === 0 || this.#isIdle(streamId))
      throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM of no stream');
    this.#countReset();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.cancel();
    this.closed(stream);
  }

  /** The client has broken the rules of a stream. */
  #reset(stream: OpenStream, code: ErrorCode): void {
    stream.cancel();
    this.closed(stream);
    this.#resetUnknown(stream.id, code);
  }

  #resetUnknown(streamId: number, code: ErrorCode): void {
    this.transmitter.resetStream(streamId, code);
    this.#countReset();
  }

  // ---- the connection itself ----

  #takeSettings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS of a stream');
    const isAck = (flags & FrameFlag.ack) !== 0;
    if (isAck && payload.length > 0)
      throw new ConnectionError(ErrorCode.frameSizeError, 'an acknowledgement with content');
    if (this.#settings.isExceededAt(this.clock.now()))
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many SETTINGS');
    if (isAck) return;
    if (!this.#hasSettings) this.#patience.cancel();
    this.#hasSettings = true;
    const window = streamWindowOf(payload, this.#streamWindow);
    this.transmitter.acknowledge(FrameType.settings, EMPTY);
    const change = window - this.#streamWindow;
    this.#streamWindow = window;
    if (change === 0) return;
    for (const stream of this.#streams.values()) {
      if (!stream.openWindow(change)) throw new ConnectionError(ErrorCode.flowControlError, 'a window too large');
    }
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'PING of a stream');
    if (payload.length !== 8) throw new ConnectionError(ErrorCode.frameSizeError, 'PING of a wrong size');
    this.#countControl();
    if ((flags & FrameFlag.ack) !== 0) return;
    this.transmitter.acknowledge(FrameType.ping, payload);
    if (this.#pings.isTooManyAt(this.clock.now(), this.#streams.size > 0)) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too_many_pings');
    }
  }

  #windowUpdate(streamId: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    const bytes = readUint32(payload, 0) & 0x7fff_ffff;
    if (streamId === 0) {
      if (bytes === 0) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE by nothing');
      if (!this.transmitter.openWindow(bytes))
        throw new ConnectionError(ErrorCode.flowControlError, 'a window too large');
      return;
    }
    if (this.#isIdle(streamId)) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE of no stream');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (bytes === 0) this.#reset(stream, ErrorCode.protocolError);
    else if (!stream.openWindow(bytes)) this.#reset(stream, ErrorCode.flowControlError);
  }

  #expectNoBlock(): void {
    if (this.#block !== undefined)
      throw new ConnectionError(ErrorCode.protocolError, 'a header block that is broken off');
  }

  /** Whether no stream of this id has begun. Of even ids none ever does. */
  #isIdle(streamId: number): boolean {
    return streamId > this.#lastStreamId || streamId % 2 === 0;
  }

  #countControl(): void {
    if (this.#controls.isExceededAt(this.clock.now()))
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many control frames');
  }

  #countReset(): void {
    if (this.#resets.isExceededAt(this.clock.now()))
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many resets');
  }

  // ---- StreamHost ----

  get clock(): Clock {
    return this.#context.clock;
  }

  get requestBytesMax(): number {
    return this.#context.requestBytesMax;
  }

  sentSomething(): void {
    this.#pings.forgive();
  }

  keep(bytes: number): boolean {
    this.#keptBytes += bytes;
    return bytes <= 0 || this.#keptBytes <= limits.RECEIVED_BYTES_MAX;
  }

  wait(waiting: Waiting): void {
    this.#context.turn.wait(waiting);
  }

  answer(stream: Stream, method: Method, request: Bytes): void {
    this.#context.answer(stream, method, request);
  }

  guarded(stream: Stream, listener: () => void): void {
    this.#context.guarded(stream, listener);
  }

  closed(stream: OpenStream): void {
    this.#streams.delete(stream.id);
    this.#closeIfDone();
  }

  // ---- the end ----

  #closeIfDone(): void {
    if (!this.#isDraining || this.#isOver || this.#streams.size > 0) return;
    this.#isOver = true;
    this.#sayGoodbye();
  }

  #fail(code: ErrorCode, message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#parser.hasPreface) return void this.#socket.destroy();
    this.#cancelAll();
    this.transmitter.goAway(this.#lastStreamId, code, message);
    this.#sayGoodbye();
    return undefined;
  }

  /** Ends the connection when the client has had what we sent, or has had time enough. Reading on keeps the system from throwing it away. */
  #sayGoodbye(): void {
    this.#patience.cancel();
    this.#patience = this.clock.after(limits.GOODBYE_MS_MAX, () => this.#socket.destroy());
    this.#socket.resume();
    this.transmitter.afterFlush(() => this.#socket.end());
  }

  #closed(): void {
    this.#isOver = true;
    this.#patience.cancel();
    this.#keepalive.stop();
    this.transmitter.close();
    this.#cancelAll();
  }

  #cancelAll(): void {
    const streams = this.#streams.values();
    this.#streams.clear();
    for (const stream of streams) stream.cancel();
  }
}

/** In the words of gRPC's Go library, which clients of etcd know. */
function unknownMethod(path: string): CallStatus {
  const [, service = '', method = ''] = /^\/?(.*?)\/?([^/]*)$/.exec(path) ?? [];
  return { code: Status.unimplemented, message: `unknown method ${method} for service ${service}` };
}

/** The header block in the payload of HEADERS, between the length of padding, a priority, and the padding. */
function withoutPadding(flags: number, streamId: number, payload: Buffer): Buffer {
  if ((flags & (FrameFlag.padded | FrameFlag.priority)) === 0) return payload;
  const isPadded = (flags & FrameFlag.padded) !== 0;
  const hasPriority = (flags & FrameFlag.priority) !== 0;
  const from = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0);
  if (payload.length < from) throw new ConnectionError(ErrorCode.frameSizeError, 'HEADERS cut off');
  const to = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  if (to < from) throw new ConnectionError(ErrorCode.protocolError, 'too much padding');
  if (hasPriority && (readUint32(payload, from - 5) & 0x7fff_ffff) === streamId) {
    throw new ConnectionError(ErrorCode.protocolError, 'a stream that depends on itself');
  }
  return payload.subarray(from, to);
}
