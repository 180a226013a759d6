/** Asks a running cluster who its members are: a member that joins it learns their ids, and its own, this way. */

import type { Client } from '@grpc/grpc-js';
import { type Bytes, EMPTY_BYTES } from '../base/index.ts';
import { decodePeerMembers, type PeerMembers } from '../codec/index.ts';
import { asBuffer, asBytes, type OpenChannel } from './channel.ts';
import { MEMBERS_METHOD } from './hello.ts';
import { ASK_MS_MAX } from './limits.ts';

/** The first answer, the members at these peer URLs being asked one after the other. Rejects if none gives one, and says what each said. */
export async function askMembers(urls: readonly string[], openChannel: OpenChannel): Promise<PeerMembers> {
  const problems: string[] = [];
  for (const url of urls) {
    try {
      return decodePeerMembers(await ask(openChannel(url)));
    } catch (error) {
      problems.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no member told who is in the cluster (${problems.join('; ') || 'there was none to ask'})`);
}

async function ask(client: Client): Promise<Bytes> {
  try {
    return await new Promise<Bytes>((resolve, reject) => {
      const deadline = Date.now() + ASK_MS_MAX;
      client.makeUnaryRequest(MEMBERS_METHOD, asBuffer, asBytes, EMPTY_BYTES, { deadline }, (error, answer) => {
        if (error !== null) reject(new Error(error.details || error.message, { cause: error }));
        else resolve(answer ?? EMPTY_BYTES);
      });
    });
  } finally {
    client.close();
  }
}
