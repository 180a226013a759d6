import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { type Client, connect } from '../../src/client/index.ts';
import { decodeLeaseKeepAlive, encodeLeaseKeepAliveResponse } from '../../src/codec/index.ts';

const HEADER = { clusterId: 1n, memberId: 1n, revision: 1, term: 1 };
const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** A member that has keepalives and nothing else. */
class Keeper {
  readonly asked: bigint[] = [];
  readonly #server = new Server();
  readonly #ttl: number | undefined;

  /** Without a TTL it answers nothing. */
  constructor(ttl: number | undefined) {
    this.#ttl = ttl;
    const handler = { path: '/etcdserverpb.Lease/LeaseKeepAlive', requestStream: true, responseStream: true };
    const serial = {
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    this.#server.addService(
      { keepAlive: { ...handler, ...serial } },
      { keepAlive: (call: ServerDuplexStream<Buffer, Uint8Array>) => this.#keep(call) },
    );
  }

  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(`127.0.0.1:${port}`);
        else reject(error);
      });
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #keep(call: ServerDuplexStream<Buffer, Uint8Array>): void {
    call.on('error', () => {});
    call.on('end', () => call.end());
    call.on('data', (bytes: Buffer) => {
      const id = decodeLeaseKeepAlive(bytes);
      this.asked.push(id);
      if (this.#ttl !== undefined) call.write(encodeLeaseKeepAliveResponse(HEADER, id, this.#ttl));
    });
  }
}

let client: Client | undefined;
let keepers: Keeper[] = [];
afterEach(() => {
  client?.close();
  for (const keeper of keepers) keeper.close();
});

test('a member that is silent is asked once for each lease, and then another one is', async () => {
  const silent = new Keeper(undefined);
  const good = new Keeper(60);
  keepers = [silent, good];
  const some = connect({ endpoints: [await silent.listen(), await good.listen()] });
  client = some;
  const ids = Array.from({ length: 20 }, (_, i) => BigInt(i + 1));
  // Twice each: what is the same lease is one question.
  const kept = [...ids, ...ids].map((id) => some.keepAlive(id));
  expect(await Promise.all(kept.map(({ begun }) => begun))).toEqual(kept.map(() => 60));
  expect(silent.asked.toSorted((a, b) => Number(a - b))).toEqual(ids);
  expect(good.asked.toSorted((a, b) => Number(a - b))).toEqual(ids);
});
