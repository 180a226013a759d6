/** A client of HTTP/2 that does as it is told, allowed or not: frames go out as given, and what comes back is kept. */

import { once } from 'node:events';
import * as net from 'node:net';
import {
  clientPreface,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  frame,
  grpcMessage,
  requestHeaders,
} from '../bench/http2-frame.ts';

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const WINDOW_BYTES = 2 ** 30;

export class RawHttp2 {
  readonly socket: net.Socket;
  readonly frames: SeenFrame[] = [];
  #input: Buffer = Buffer.alloc(0);
  #wake: (() => void)[] = [];
  #isClosed = false;
  /** Streams that answered bytes are counted of. */
  readonly #dataBytes = new Map<number, number>();

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('close', () => {
      this.#isClosed = true;
      this.#changed();
    });
  }

  /** Connected; the preface and SETTINGS are sent unless `hasPreface` is false. */
  static async connect(port: number, hasPreface: boolean = true): Promise<RawHttp2> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const client = new RawHttp2(socket);
    if (hasPreface) client.send(clientPreface(WINDOW_BYTES));
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(...frames: readonly Buffer[]): void {
    for (const one of frames) this.socket.write(one);
  }

  /** Begins a call; with a message, that is all of it. */
  call(streamId: number, path: string, message?: Uint8Array): void {
    this.send(headersOf(streamId, path));
    if (message !== undefined) this.send(frame(FrameType.data, FrameFlag.endStream, streamId, grpcMessage(message)));
  }

  /** Bytes of DATA that have come on this stream. */
  dataBytes(streamId: number): number {
    return this.#dataBytes.get(streamId) ?? 0;
  }

  /** What GOAWAY said, if it has come. */
  get goAway(): { readonly code: number; readonly text: string } | undefined {
    const seen = this.frames.find(({ type }) => type === FrameType.goAway);
    return seen && { code: seen.payload.readUInt32BE(4), text: seen.payload.subarray(8).toString() };
  }

  /** The code of the RST_STREAM of this stream, if it has come. */
  resetOf(streamId: number): number | undefined {
    const seen = this.frames.find((one) => one.type === FrameType.resetStream && one.streamId === streamId);
    return seen?.payload.readUInt32BE(0);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#isClosed) throw new Error('the connection was closed first');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Sends over and over, no faster than the server takes it, until the server has had enough. */
  async flood(frames: Buffer): Promise<void> {
    while (!this.#isClosed && !this.socket.destroyed) {
      if (this.socket.write(frames)) await new Promise(setImmediate);
      else await Promise.race([once(this.socket, 'drain'), this.closed()]).catch(() => {});
    }
  }

  #read(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    let at = 0;
    while (this.#input.length - at >= FRAME_HEADER_BYTES) {
      const length = this.#input.readUIntBE(at, 3);
      if (this.#input.length - at < FRAME_HEADER_BYTES + length) break;
      const payload = this.#input.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
      const [type = 0, flags = 0] = this.#input.subarray(at + 3, at + 5);
      const streamId = this.#input.readUInt32BE(at + 5);
      if (type === FrameType.data) this.#dataBytes.set(streamId, this.dataBytes(streamId) + length);
      this.frames.push({ type, flags, streamId, payload });
      at += FRAME_HEADER_BYTES + length;
    }
    this.#input = this.#input.subarray(at);
    this.#changed();
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const one of wake) one();
  }
}

export function headersOf(streamId: number, path: string): Buffer {
  return frame(FrameType.headers, FrameFlag.endHeaders, streamId, requestHeaders(path, 'x'));
}
