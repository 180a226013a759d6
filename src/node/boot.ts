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
import type { Entry, HardState, WalMetadata } from '../codec/index.ts';
import { Machine } from '../machine/index.ts';
import { Store } from '../mvcc/index.ts';
import { type Disk, type DurableBackend, Wal, type WalOptions } from '../storage/index.ts';
import { WatchableStore } from '../watch/index.ts';
import { Node, type NodeIdentity, type NodeObserver, type NodeSettings } from './node.ts';
import { SoloLog } from './solo-log.ts';
import { nextTurn, SLICE_MS } from './turn.ts';

/** The store and the log do not belong together. */
export class StoreAndLogError extends Error {
  override readonly name = 'StoreAndLogError';
}

export interface BootOptions {
  /** Of a member that starts for the first time. One that has a log takes its ids from there. */
  readonly identity: NodeIdentity;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: NodeObserver;
  readonly disk: Disk;
  readonly walDirectory: string;
  readonly walOptions: WalOptions;
  /** Opens the backend; `storeFailed` hears of writes that fail later. */
  readonly openBackend: (storeFailed: (error: Error) => void) => Promise<DurableBackend>;
  readonly firstProposalId: number;
  readonly fatal: (error: Error) => void;
}

/** A running member, and how to end it. */
export interface BootedNode {
  readonly node: Node;
  readonly backend: DurableBackend;
  readonly wal: Wal;
  /** Ends what is under way, then closes log and store. */
  stop(): Promise<void>;
}

/** There is no lessor yet: no lease exists. */
const NO_LEASES = (): boolean => false;

interface OpenedLog {
  readonly wal: Wal;
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  /** Entries up to here may be gone from the log. */
  readonly beginIndex: number;
}

/** Rejects with an error that says what is wrong, where, and what to do; then nothing is left open. */
export async function boot(options: BootOptions): Promise<BootedNode> {
  const { logger } = options;
  const log = await openLog(options);
  let node: Node | undefined;
  let backend: DurableBackend | undefined;
  try {
    backend = await options.openBackend((error) => node?.storeFailed(error));
    const opened = backend;
    const store = await loadStore(opened, options);
    checkTogether(log, opened);
    const applied = opened.applied ?? { index: 0, term: 0 };
    const identity = { ...options.identity, clusterId: log.metadata.clusterId, memberId: log.metadata.nodeId };
    node = new Node({
      identity,
      settings: options.settings,
      clock: options.clock,
      logger,
      observer: options.observer,
      backend: opened,
      machine: new Machine(store, opened),
      watchable: new WatchableStore(store, options.clock),
      applied,
      firstProposalId: options.firstProposalId,
      fatal: options.fatal,
    });
    await lead(node, log, identity.memberId, options);
    const running = node;
    return { node, backend: opened, wal: log.wal, stop: () => stop(running, log.wal, opened) };
  } catch (error) {
    await log.wal.close();
    await backend?.close();
    throw error;
  }
}

async function openLog(options: BootOptions): Promise<OpenedLog> {
  const { disk, walDirectory, walOptions, identity, logger } = options;
  await disk.makeDirectory(walDirectory);
  if ((await disk.list(walDirectory)).some((name) => name.endsWith('.wal'))) {
    const recovered = await Wal.open(disk, walDirectory, walOptions);
    if (recovered.cut !== undefined) {
      logger.warn('cut a torn write off the end of the write-ahead log; it had never been acknowledged', {
        file: recovered.cut.file,
        offset: recovered.cut.offset,
        bytes: recovered.cut.bytes,
      });
    }
    return { ...recovered, beginIndex: recovered.snapshotMark.index };
  }
  const metadata: WalMetadata = { nodeId: identity.memberId, clusterId: identity.clusterId };
  const wal = await Wal.create(disk, walDirectory, metadata, walOptions);
  return { wal, metadata, hardState: { term: 0, vote: 0n, commit: 0 }, entries: [], beginIndex: 0 };
}

/** Reads every record, in slices, checking each; the index is built on the way. */
async function loadStore(backend: DurableBackend, { clock }: BootOptions): Promise<Store> {
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

function checkTogether(log: OpenedLog, backend: DurableBackend): void {
  const stored = backend.applied?.index ?? 0;
  const { lastIndex } = log.wal;
  if (stored > lastIndex) {
    throw new StoreAndLogError(
      `the store holds entry ${stored}, but the write-ahead log ends at ${lastIndex}: they are not of one member, or the log has lost its end. ` +
        'Restore both from one backup.',
    );
  }
  if (stored < log.beginIndex) {
    throw new StoreAndLogError(
      `the store holds entries up to ${stored}, but the write-ahead log begins after ${log.beginIndex}: what is between is gone. ` +
        'Restore both from one backup.',
    );
  }
}

/** Begins a new term, applies what the store lacks, and lets the node go. A cluster of one elects itself. */
async function lead(node: Node, opened: OpenedLog, memberId: bigint, options: BootOptions): Promise<void> {
  const { wal, hardState, entries } = opened;
  const term = hardState.term + 1;
  const index = wal.lastIndex + 1;
  const first: Entry = { type: 'normal', term, index, data: EMPTY_BYTES };
  await wal.append([first], { term, vote: memberId, commit: wal.lastIndex });
  const applied = node.status().appliedIndex;
  const missing = entries.filter((entry) => entry.index > applied);
  assert(
    missing.length === wal.lastIndex - 1 - applied,
    `${missing.length} entries after ${applied} to ${wal.lastIndex}`,
  );
  node.committed([...missing, first]);
  await node.reached(index);
  options.logger.info('restored the store and replayed the log', {
    'current-revision': node.revision,
    'replayed-entries': missing.length,
    'applied-index': index,
    'raft-term': term,
  });
  node.start(new SoloLog({ clock: options.clock, wal, owner: node, memberId, term, lastIndex: index }));
}

async function stop(node: Node, wal: Wal, backend: DurableBackend): Promise<void> {
  await node.stop();
  await wal.close();
  await backend.close();
}
