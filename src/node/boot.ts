/**
 * Opens a member's data directory and brings the member up to where it was:
 *
 *     log      read: whose it is, the hard state, the entries
 *     store    opened: up to which entry it holds (its applied index); every record read and checked, the index built from them
 *     replay   what the log has and the store has not is applied again, as it was the first time
 *     term     a new one begins: on disk with its vote before anything is served
 *
 * The store may be behind the log (a crash took its last batches), never ahead of it, and never behind the log's beginning.
 */

import { assert, type Clock, EMPTY_BYTES, type Logger } from '../base/index.ts';
import type { Entry } from '../codec/index.ts';
import { Machine } from '../machine/index.ts';
import { Store } from '../mvcc/index.ts';
import type { DataDirectory, DurableBackend, Wal } from '../storage/index.ts';
import { WatchableStore } from '../watch/index.ts';
import { Node, type NodeIdentity, type NodeObserver, type NodeSettings } from './node.ts';
import { SoloLog } from './solo-log.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

export interface BootOptions {
  /** Its ids are those of a member that starts for the first time. One that has a log takes them from there. */
  readonly identity: NodeIdentity;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: NodeObserver;
  /** Opens log and store; `storeFailed` hears of a store that cannot be written any more. */
  readonly open: (storeFailed: (error: Error) => void) => Promise<DataDirectory>;
  readonly firstProposalId: number;
  readonly fatal: (error: Error) => void;
}

/** A running member, and how to end it. */
export interface BootedNode {
  readonly node: Node;
  readonly wal: Wal;
  /** Ends what is under way, then closes log and store. */
  stop(): Promise<void>;
}

/** There is no lessor yet: no lease exists. */
const NO_LEASES = (): boolean => false;

/** Rejects with an error that says what is wrong, where, and what to do; then nothing is left open. */
export async function boot(options: BootOptions): Promise<BootedNode> {
  const { clock, logger } = options;
  let node: Node | undefined;
  const directory = await options.open((error) => node?.storeFailed(error));
  const { backend, wal, metadata, cut } = directory;
  if (cut !== undefined) {
    logger.warn('cut a torn write off the end of the write-ahead log; it had never been acknowledged', { ...cut });
  }
  try {
    const store = await loadStore(backend, clock);
    node = new Node({
      identity: { ...options.identity, clusterId: metadata.clusterId, memberId: metadata.nodeId },
      settings: options.settings,
      clock,
      logger,
      observer: options.observer,
      backend,
      machine: new Machine(store, backend),
      watchable: new WatchableStore(store, clock),
      firstProposalId: options.firstProposalId,
      fatal: options.fatal,
    });
    await lead(node, directory, options);
  } catch (error) {
    await wal.close();
    await backend.close();
    throw error;
  }
  const running = node;
  return { node, wal, stop: () => stop(running, wal, backend) };
}

/** Reads every record, in slices, checking each; the index is built on the way. */
async function loadStore(backend: DurableBackend, clock: Clock): Promise<Store> {
  const store = new Store(backend, NO_LEASES);
  let until = clock.now() + SLICE_MS;
  for await (const records of backend.scan()) {
    for (const record of records) {
      store.restore(record);
      if (clock.now() < until) continue;
      await nextTurn(clock);
      until = clock.now() + SLICE_MS;
    }
  }
  store.restoreDone(backend.mark);
  return store;
}

/** Begins a new term, applies what the store lacks, and lets the node go. A cluster of one elects itself. */
async function lead(node: Node, { wal, hardState, entries }: DataDirectory, options: BootOptions): Promise<void> {
  const { clock, logger } = options;
  const { memberId } = node;
  const term = hardState.term + 1;
  const index = wal.lastIndex + 1;
  const first: Entry = { type: 'normal', term, index, data: EMPTY_BYTES };
  const applied = node.status().appliedIndex;
  const missing = entries.filter((entry) => entry.index > applied);
  assert(missing.length === index - 1 - applied, `${missing.length} entries between ${applied} and ${index}`);
  await wal.append([first], { term, vote: memberId, commit: index - 1 });
  node.committed([...missing, first]);
  await node.reached(index);
  logger.info('restored the store and replayed the log', {
    'current-revision': node.revision,
    'replayed-entries': missing.length,
    'applied-index': index,
    'raft-term': term,
  });
  node.start(new SoloLog({ clock, wal, owner: node, memberId, term, lastIndex: index }));
}

async function stop(node: Node, wal: Wal, backend: DurableBackend): Promise<void> {
  await node.stop();
  await wal.close();
  await backend.close();
}
