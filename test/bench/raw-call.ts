/** Single calls over the raw client: for what the bench itself wants to know, outside of what is timed. */

import { etcdserverpb } from '../../src/gen/etcd.js';
import { grpcMessage, requestHeaders } from './http2-frame.ts';
import { RawConnection, type Sink } from './raw-client.ts';

const ANSWER_WITHIN_MS = 30_000;

export const RANGE_PATH = '/etcdserverpb.KV/Range';
export const PUT_PATH = '/etcdserverpb.KV/Put';
export const TXN_PATH = '/etcdserverpb.KV/Txn';
export const WATCH_PATH = '/etcdserverpb.Watch/Watch';
const STATUS_PATH = '/etcdserverpb.Maintenance/Status';
const HASH_KV_PATH = '/etcdserverpb.Maintenance/HashKV';

/** Makes one call on a connection of its own, as the user of this token, and gives the answer's bytes. Rejects if the call fails or takes over 30 s. */
export async function call(port: number, path: string, request: Uint8Array, token?: string): Promise<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  const connection = await RawConnection.open(port);
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const late = (): void => reject(new Error(`${path}: no answer within ${ANSWER_WITHIN_MS} ms`));
      timer = setTimeout(late, ANSWER_WITHIN_MS);
      const headers = requestHeaders(path, `127.0.0.1:${port}`, token);
      const stream = connection.openStream(headers, 'wide', new Answer(path, resolve, reject));
      connection.send(stream, grpcMessage(request), true);
      connection.flush();
    });
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

class Answer implements Sink {
  readonly #path: string;
  readonly #resolve: (answer: Buffer) => void;
  readonly #reject: (error: Error) => void;
  #bytes = Buffer.alloc(0);

  constructor(path: string, resolve: (answer: Buffer) => void, reject: (error: Error) => void) {
    this.#path = path;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  message(bytes: DataView, start: number, end: number): void {
    this.#bytes = Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
  }

  // Not before: while the stream lasts, the call can still fail.
  ended(messages: number, connectionError?: Error): void {
    if (messages === 1) this.#resolve(this.#bytes);
    else this.#reject(connectionError ?? new Error(`${this.#path}: the call failed`));
  }
}

/** What a member says of itself, whether it has a leader or not. */
export interface MemberStatus {
  /** Zero if it knows of none. */
  readonly leader: bigint;
  readonly isLeader: boolean;
  readonly term: number;
  /** Of its own store: what it has applied. */
  readonly revision: number;
}

export async function statusOf(port: number): Promise<MemberStatus> {
  const request = etcdserverpb.StatusRequest.encode({}).finish();
  const status = etcdserverpb.StatusResponse.decode(await call(port, STATUS_PATH, request));
  const leader = BigInt(String(status.leader));
  return {
    leader,
    isLeader: leader !== 0n && leader === BigInt(String(status.header?.member_id ?? 0)),
    term: Number(status.header?.raft_term ?? 0),
    revision: Number(status.header?.revision ?? 0),
  };
}

/** The hash of a member's whole store as of a revision. */
export async function hashOf(port: number, revision: number): Promise<number> {
  const request = etcdserverpb.HashKVRequest.encode({ revision }).finish();
  return etcdserverpb.HashKVResponse.decode(await call(port, HASH_KV_PATH, request)).hash;
}

/** The store's revision, read through consensus. */
export async function revisionOf(port: number): Promise<number> {
  const request = etcdserverpb.RangeRequest.encode({ key: Buffer.of(0), limit: 1, keys_only: true }).finish();
  const answer = etcdserverpb.RangeResponse.decode(await call(port, RANGE_PATH, request));
  return Number(answer.header?.revision ?? 0);
}
