/**
 * A member of a cluster whose store is in doubt takes the state of another member in its place, and goes on. Its log must be whole: that
 * holds what it has promised. A member that is alone has nobody to ask, and says what is wrong.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Bytes, type Logger, present } from '../base/index.ts';
import { raftId, type WalMetadata } from '../codec/index.ts';
import { CONFIGURATION_STATE } from '../machine/index.ts';
import { StoreDamagedError } from '../mvcc/index.ts';
import { askMembers, askState, helloTo, type OpenChannel } from '../peer/index.ts';
import { BackendDamagedError, type DataDirectoryOptions, replaceStore } from '../storage/index.ts';
import type { ServerConfig } from './server-config.ts';

/** Between two rounds of asking everybody. */
const RETRY_MS = 1000;

export interface RebuildOptions {
  readonly config: ServerConfig;
  readonly logger: Logger;
  /** To the others. */
  readonly openChannel: OpenChannel;
  readonly data: DataDirectoryOptions;
}

/** Starts; if the store is damaged and there are others, rebuilds it and starts again. Rejects as `start` does. */
export async function startRebuilding<T>(start: () => Promise<T>, options: RebuildOptions): Promise<T> {
  const { config, logger } = options;
  try {
    return await start();
  } catch (error) {
    const others = config.initialCluster.filter(({ name }) => name !== config.name).flatMap(({ peerUrls }) => peerUrls);
    const isDoubtful = error instanceof BackendDamagedError || error instanceof StoreDamagedError;
    if (!isDoubtful || others.length === 0) throw error;
    logger.warn('the store is in doubt: taking the state of another member in its place', { error: error.message });
    await rebuild(others, options);
    return await start();
  }
}

/** Asks for as long as it takes. Rejects if the log is damaged as well, or the disk fails. */
async function rebuild(others: readonly string[], { logger, openChannel, data }: RebuildOptions): Promise<void> {
  for (;;) {
    const problems: unknown[] = [];
    for (const url of others) {
      const asked = new Asked(url, openChannel);
      try {
        const { index } = await replaceStore(data, {
          fetch: (own) => asked.state(own),
          confState: (state) => present(state.getState(CONFIGURATION_STATE), 'the configuration in a state'),
        });
        logger.info('rebuilt the store from another member', { url, 'applied-index': index });
        return;
      } catch (error) {
        // What is wrong here does not get better by asking elsewhere.
        if (!asked.begun) throw error;
        problems.push(error);
      }
    }
    logger.warn('no member gave its state; asking again', { error: problems.map(String).join('; ') });
    await sleep(RETRY_MS);
  }
}

/** One attempt at one member. */
class Asked {
  readonly #url: string;
  readonly #openChannel: OpenChannel;
  begun = false;

  constructor(url: string, openChannel: OpenChannel) {
    this.#url = url;
    this.#openChannel = openChannel;
  }

  async *state({ clusterId, nodeId }: WalMetadata): AsyncGenerator<Bytes, void, undefined> {
    this.begun = true;
    const { members } = await askMembers([this.#url], this.#openChannel);
    const to = present(
      members.find(({ peerUrls }) => peerUrls.includes(this.#url)),
      `the member at ${this.#url}`,
    );
    const hello = helloTo(raftId(to.id), { clusterId, memberId: raftId(nodeId) });
    yield* askState(this.#openChannel(this.#url), hello);
  }
}
