/** Writes in parallel, a bounded number in flight, and keeps the ledger. */

import { type Client, ClientError } from '../../src/client/index.ts';
import type { Ledger } from './ledger.ts';

const IN_FLIGHT_MAX = 100;

export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string };

export interface WriterOptions {
  /** Called after each write that was acknowledged. */
  readonly onWritten: () => void;
  /** Called for each write that failed because the server was not there; throws if that must not be. */
  readonly onLost: (write: Write, error: ClientError) => void;
}

/** Makes all writes. Rejects with the first error that is not about the server being away. */
export async function writeAll(
  client: Client,
  writes: AsyncIterable<Write>,
  ledger: Ledger,
  options: WriterOptions,
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  for await (const write of writes) {
    const done = writeOne(client, write, ledger, options)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => inFlight.delete(done));
    inFlight.add(done);
    if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
    if (failure !== undefined) break;
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
}

async function writeOne(client: Client, write: Write, ledger: Ledger, options: WriterOptions): Promise<void> {
  try {
    if (write.kind === 'put') {
      const value = Buffer.from(write.value);
      const { revision } = await client.put(write.key, value);
      ledger.acknowledgedPut(write.key, value, revision);
    } else {
      const { revision, deleted } = await client.del(write.key);
      if (deleted > 0) ledger.acknowledgedDelete(write.key, revision);
    }
    options.onWritten();
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (!error.definite) {
      if (write.kind === 'put') ledger.unknownPut(write.key, Buffer.from(write.value));
      else ledger.unknownDelete(write.key);
    }
    options.onLost(write, error);
  }
}
