/**
 * The backend: records and small state in an ordered table (LevelDB, or its twin).
 *
 * Writing. What is put goes into the cache and, copied, into the open batch. commit() says that the batch is whole up to here. It is
 * written once it has gathered for a while, or enough, or when somebody waits for it; and never while another is being written:
 *
 *     put put commit  put commit | put commit  put commit  put
 *     ~~~~~~~ being written ~~~~   gathering, to be written next (only when its last put has been committed)
 *
 * Reading. The cache has everything that is not written yet; then the disk is asked. So a read sees all writes before it.
 *
 * A full disk. The batch that it has no room for stays, the next ones gather behind it, and now and then the table is opened anew and the batch
 * written again. Meanwhile it can be read, and nothing that waits for the disk begins.
 *
 * Start. scan() checks each record against its CRC, and in the end their number and the sum of their hashes against the summary.
 */

import { type Bytes, equalBytes, present, type Timer } from '../base/index.ts';
import type { ScannedRecord, StoreMark } from '../mvcc/index.ts';
import {
  type Applied,
  BackendDamagedError,
  BackendFailedError,
  type BackendOptions,
  DataDirectoryError,
  type DurableBackend,
  type Item,
  SnapshotRefusedError,
  type StateSnapshot,
} from './backend.ts';
import type { OrderedTable, Row, TableBatch } from './ordered-table.ts';
import { CACHE_BYTES, RecordCache } from './record-cache.ts';
import {
  BACKEND_FORMAT,
  decodeChecked,
  decodeSummary,
  encodeChecked,
  encodeSummary,
  isRecordValue,
  isTombstoneValue,
  itemKey,
  itemKeys,
  mainOfKey,
  RECORD_HEAD_BYTES,
  RECORD_KEYS_FROM,
  RECORD_KEYS_TO,
  recordHash,
  recordKey,
  SUMMARY_KEY,
  type Summary,
  stateKey,
  subOfKey,
} from './record-encoding.ts';
import { SNAPSHOTS_OPEN_MAX, TableSnapshot } from './table-snapshot.ts';

/** Beyond so much unwritten, pressure() asks the applier to wait until it is half of it. */
export const UNWRITTEN_BYTES_MAX: number = 16 * 1024 * 1024;
/**
 * A batch is written when it has so much in it, or after so long: etcd's default of --backend-batch-interval. The log has it all, so a crash
 * costs no more than applying a tenth of a second again; but a batch for each write would cost more than all else that a write does.
 */
export const BATCH_BYTES_ENOUGH: number = 256 * 1024;
export const BATCH_INTERVAL_MS = 100;
/** Between two looks whether a full disk has room again. */
export const ROOM_RETRY_MS = 2000;
/** What a record costs in the batch and the cache besides its value. */
const RECORD_OVERHEAD_BYTES = 64;

const EMPTY_SUMMARY: Summary = {
  applied: { index: 0, term: 0 },
  mark: { currentRevision: 1, compactRevision: -1, finishedCompactRevision: -1 },
  count: 0,
  hashSum: 0,
  bytes: 0,
};

interface Waiting {
  readonly ready: () => boolean;
  /** Rejects when the disk is full: there is no telling how long it would be. */
  readonly isImpatient: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface PendingBatch {
  readonly batch: TableBatch;
  readonly number: number;
  readonly summary: Bytes;
}

export class RecordBackend implements DurableBackend {
  readonly mark: StoreMark;
  readonly applied: Applied;
  readonly #table: OrderedTable;
  readonly #options: BackendOptions;
  readonly #cache: RecordCache;
  readonly #found: Summary;
  /** As of the last put, and the last commit. */
  #mark: StoreMark;
  #applied: Applied;
  #count: number;
  #hashSum: number;
  #bytes: number;
  readonly #states = new Map<string, Bytes>();

  /** The batch that gathers, its number, and whether all that is in it was committed. */
  #batch: TableBatch;
  #batchNumber = 1;
  #batchBytes = 0;
  #isDirty = false;
  #isCommitted = true;
  /** The batches that hold the last commit, and the last one written. */
  #committedNumber = 0;
  #writtenNumber = 0;
  #writingBytes = 0;
  #isWriting = false;
  /** Runs while a batch gathers; and whether it has run out. */
  #gathering: Timer | undefined;
  #isDue = false;
  #waiting: Waiting[] = [];
  readonly #snapshots = new Set<TableSnapshot>();
  /** Asked for and not open yet. */
  #snapshotsAsked = 0;
  /** As the table has it. */
  #writtenSummary: Bytes | undefined;
  /** What the disk had no room for. */
  #full: Error | undefined;
  /** Runs until there may be room again. */
  #retry: Timer | undefined;
  #reopening: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  #closed = false;

  private constructor(table: OrderedTable, options: BackendOptions, found: Summary) {
    this.#table = table;
    this.#options = options;
    this.#cache = new RecordCache(options.cacheBytes ?? CACHE_BYTES);
    this.#found = found;
    this.mark = found.mark;
    this.applied = found.applied;
    this.#mark = found.mark;
    this.#applied = found.applied;
    this.#count = found.count;
    this.#hashSum = found.hashSum;
    this.#bytes = found.bytes;
    this.#writtenSummary = table.get(SUMMARY_KEY);
    this.#batch = table.batch();
  }

  /** Takes over a table. Throws BackendDamagedError if its summary is damaged, DataDirectoryError if it is of another format. */
  static async open(table: OrderedTable, options: BackendOptions): Promise<RecordBackend> {
    return new RecordBackend(table, options, await readSummary(table));
  }

  getRecord(main: number, sub: number): Bytes | undefined {
    const cached = this.#cache.get(main, sub);
    if (cached === 'deleted') return undefined;
    if (cached !== undefined) return cached;
    const value = this.#table.get(recordKey(main, sub));
    if (value === undefined) return undefined;
    if (!isRecordValue(recordHash(main, sub), value)) {
      throw this.#fail(new BackendDamagedError(this.#table.path, `record (${main}, ${sub}) is not as it was written`));
    }
    return this.#cache.putRead(main, sub, value);
  }

  putRecord(main: number, sub: number, tombstone: boolean, keyValue: Bytes): void {
    this.#change();
    const value = this.#cache.put(main, sub, tombstone, keyValue, this.#batchNumber);
    this.#batch.put(recordKey(main, sub), value);
    this.#batchBytes += value.length + RECORD_OVERHEAD_BYTES;
    this.#count++;
    this.#hashSum = (this.#hashSum + recordHash(main, sub)) >>> 0;
    this.#bytes += value.length;
  }

  deleteRecord(main: number, sub: number): void {
    this.#change();
    const cached = this.#cache.get(main, sub);
    const bytes =
      cached instanceof Uint8Array ? cached.length + RECORD_HEAD_BYTES : this.#bytes / Math.max(1, this.#count);
    this.#cache.putDeleted(main, sub, this.#batchNumber);
    this.#batch.delete(recordKey(main, sub));
    this.#batchBytes += RECORD_OVERHEAD_BYTES;
    this.#count--;
    this.#hashSum = (this.#hashSum - recordHash(main, sub)) >>> 0;
    this.#bytes = Math.max(0, this.#bytes - bytes);
  }

  putStoreMark(mark: StoreMark): void {
    this.#change();
    this.#mark = mark;
  }

  putState(name: string, value: Bytes): void {
    this.#change();
    this.#states.set(name, new Uint8Array(value));
    this.#batch.put(stateKey(name), encodeChecked(stateKey(name), value));
    this.#batchBytes += value.length + RECORD_OVERHEAD_BYTES;
  }

  getState(name: string): Bytes | undefined {
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const value = this.#table.get(stateKey(name));
    if (value === undefined) return undefined;
    const state = decodeChecked(stateKey(name), value);
    if (state === undefined) {
      throw this.#fail(new BackendDamagedError(this.#table.path, `the state "${name}" is not as it was written`));
    }
    this.#states.set(name, state);
    return state;
  }

  putItem(kind: string, name: string, value: Bytes): void {
    this.#change();
    const key = itemKey(kind, name);
    this.#batch.put(key, encodeChecked(key, value));
    this.#batchBytes += value.length + RECORD_OVERHEAD_BYTES;
  }

  deleteItem(kind: string, name: string): void {
    this.#change();
    this.#batch.delete(itemKey(kind, name));
    this.#batchBytes += RECORD_OVERHEAD_BYTES;
  }

  async *items(kind: string): AsyncIterable<readonly Item[]> {
    const [from, to] = itemKeys(kind);
    for await (const rows of this.#table.scan(from, to)) {
      yield rows.map(([key, value]): Item => {
        const item = decodeChecked(key, value);
        if (item === undefined) {
          throw this.#fail(new BackendDamagedError(this.#table.path, `the item "${key}" is not as it was written`));
        }
        return { name: key.slice(from.length), value: item };
      });
    }
  }

  commit(applied: Applied): void {
    this.#options.failpoints?.hit('beforeWritebackBuf');
    this.#change();
    this.#applied = applied;
    this.#isCommitted = true;
    this.#committedNumber = this.#batchNumber;
    this.#options.failpoints?.hit('afterWritebackBuf');
    this.#writeNext();
  }

  pressure(): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#batchBytes + this.#writingBytes <= UNWRITTEN_BYTES_MAX) return undefined;
    return this.#until(() => this.#batchBytes + this.#writingBytes <= UNWRITTEN_BYTES_MAX / 2);
  }

  async *scan(): AsyncIterable<readonly ScannedRecord[]> {
    let count = 0;
    let hashSum = 0;
    let bytes = 0;
    for await (const rows of this.#table.scan(RECORD_KEYS_FROM, RECORD_KEYS_TO)) {
      const records: ScannedRecord[] = [];
      for (const row of rows) {
        const record = this.#scanned(row);
        hashSum = (hashSum + recordHash(record.main, record.sub)) >>> 0;
        bytes += row[1].length;
        records.push(record);
      }
      count += rows.length;
      yield records;
    }
    const found = this.#found;
    if (count !== found.count || hashSum !== found.hashSum) {
      const reason =
        count === found.count
          ? 'some records are missing and others, long deleted, have come back'
          : `it should hold ${found.count} records, but there are ${count}`;
      throw this.#fail(new BackendDamagedError(this.#table.path, reason));
    }
    this.#bytes = bytes;
  }

  async checkpoint(): Promise<Applied> {
    const applied = this.#applied;
    const number = this.#committedNumber;
    await this.#until(() => this.#writtenNumber >= number, true);
    try {
      await this.#table.flush();
    } catch (error) {
      const failure = new BackendFailedError(error);
      // The next batch finds the same.
      if (failure.isOutOfSpace && this.#options.clock !== undefined) throw failure;
      throw this.#fail(failure);
    }
    return applied;
  }

  async snapshot(): Promise<StateSnapshot> {
    if (this.#snapshots.size + this.#snapshotsAsked >= SNAPSHOTS_OPEN_MAX) {
      throw new SnapshotRefusedError(`${SNAPSHOTS_OPEN_MAX} snapshots are open already`);
    }
    this.#snapshotsAsked++;
    try {
      const number = this.#committedNumber;
      await this.#until(() => this.#writtenNumber >= number, true);
    } finally {
      this.#snapshotsAsked--;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const view = this.#table.view();
    // What the table holds now may be more than what was waited for: it says itself how far it is.
    const value = view.get(SUMMARY_KEY);
    const summary = value === undefined ? EMPTY_SUMMARY : decodeSummary(value);
    if (summary === undefined || 'otherFormat' in summary) {
      await view.close();
      throw this.#fail(new BackendDamagedError(this.#table.path, 'the summary is not as it was written'));
    }
    const opened = performance.now();
    const snapshot: TableSnapshot = new TableSnapshot(view, summary, () => {
      this.#snapshots.delete(snapshot);
      this.#options.onSnapshot?.((performance.now() - opened) / 1000);
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  sizeBytes(): number {
    return this.#table.sizeBytes();
  }

  sizeInUseBytes(): number {
    return Math.round(this.#bytes);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // If it fails now, onFailure is told, as at any other time.
    await Promise.allSettled([this.#until(() => !this.#isWriting && !(this.#isDirty && this.#isCommitted), true)]);
    this.#gathering?.cancel();
    this.#retry?.cancel();
    await Promise.allSettled([this.#reopening]);
    this.#failure ??= new BackendFailedError('it is closed');
    for (const snapshot of this.#snapshots) snapshot.close();
    await this.#table.close();
  }

  #scanned([key, value]: Row): ScannedRecord {
    const main = mainOfKey(key);
    const sub = subOfKey(key);
    if (recordKey(main, sub) !== key || !isRecordValue(recordHash(main, sub), value)) {
      throw this.#fail(new BackendDamagedError(this.#table.path, `record "${key}" is not as it was written`));
    }
    // Not value.subarray: LevelDB gives Buffers, and slice() of one of those does not copy.
    const keyValue = new Uint8Array(
      value.buffer,
      value.byteOffset + RECORD_HEAD_BYTES,
      value.length - RECORD_HEAD_BYTES,
    );
    return { main, sub, tombstone: isTombstoneValue(value), keyValue };
  }

  #change(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#isDirty = true;
    this.#isCommitted = false;
  }

  /** Writes the open batch, if it is whole, nothing else is being written, and it has gathered enough; or if somebody waits for that. */
  #writeNext(): void {
    if (this.#isWriting || !this.#isDirty || !this.#isCommitted || this.#failure !== undefined) return;
    if (this.#mayGather()) return;
    this.#gathering?.cancel();
    this.#gathering = undefined;
    this.#isDue = false;
    const { failpoints } = this.#options;
    const batch = this.#batch;
    const number = this.#batchNumber;
    failpoints?.hit('commitBeforePreCommitHook');
    const summary = encodeSummary(this.#summary());
    batch.put(SUMMARY_KEY, summary);
    failpoints?.hit('commitAfterPreCommitHook');
    failpoints?.hit('beforeStartDBTxn');
    this.#batch = this.#table.batch();
    failpoints?.hit('afterStartDBTxn');
    this.#batchNumber++;
    this.#writingBytes = this.#batchBytes;
    this.#batchBytes = 0;
    this.#isDirty = false;
    this.#isWriting = true;
    void this.#write({ batch, number, summary });
  }

  #mayGather(): boolean {
    const { clock } = this.#options;
    if (clock === undefined || this.#isDue || this.#waiting.length > 0 || this.#batchBytes >= BATCH_BYTES_ENOUGH)
      return false;
    this.#gathering ??= clock.after(BATCH_INTERVAL_MS, () => {
      this.#gathering = undefined;
      this.#isDue = true;
      this.#writeNext();
    });
    return true;
  }

  /** Never rejects: what goes wrong becomes the backend's failure. */
  async #write(pending: PendingBatch): Promise<void> {
    const begun = performance.now();
    const { failpoints } = this.#options;
    try {
      const text = await failpoints?.reach('beforeCommit');
      if (text !== undefined) throw new Error(`failpoint beforeCommit: ${text}`);
      await pending.batch.write();
      await failpoints?.reach('afterCommit');
    } catch (error) {
      this.#writeFailed(pending, error);
      return;
    }
    this.#options.onCommit?.((performance.now() - begun) / 1000);
    this.#written(pending);
  }

  #writeFailed(pending: PendingBatch, error: unknown): void {
    const failure = new BackendFailedError(error);
    const { clock } = this.#options;
    if (!failure.isOutOfSpace || clock === undefined) {
      this.#isWriting = false;
      this.#fail(error instanceof BackendDamagedError ? error : failure);
      return;
    }
    this.#setFull(failure);
    if (this.#closed) return;
    this.#retry = clock.after(ROOM_RETRY_MS, () => {
      this.#reopening = this.#writeAgain(pending);
    });
  }

  /** Never rejects. */
  async #writeAgain(pending: PendingBatch): Promise<void> {
    try {
      await this.#table.reopen();
      // A failed batch may have been written none the less; all before it must be there.
      const found = this.#table.get(SUMMARY_KEY);
      if (!isSame(found, this.#writtenSummary) && !isSame(found, pending.summary)) {
        throw new BackendDamagedError(this.#table.path, 'after the disk had been full it was not as it was written');
      }
      await pending.batch.write();
    } catch (error) {
      this.#writeFailed(pending, error);
      return;
    }
    this.#setFull(undefined);
    this.#written(pending);
  }

  #setFull(failure: Error | undefined): void {
    const isChange = (this.#full === undefined) !== (failure === undefined);
    this.#full = failure;
    if (!isChange) return;
    this.#wake();
    this.#options.onSpaceChange?.(failure !== undefined);
  }

  #written({ number, summary }: PendingBatch): void {
    this.#isWriting = false;
    this.#writingBytes = 0;
    this.#writtenNumber = number;
    this.#writtenSummary = summary;
    this.#cache.written(number);
    this.#writeNext();
    this.#wake();
  }

  #summary(): Summary {
    return {
      applied: this.#applied,
      mark: this.#mark,
      count: this.#count,
      hashSum: this.#hashSum,
      bytes: Math.round(this.#bytes),
    };
  }

  #until(ready: () => boolean, isImpatient = false): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (ready()) return Promise.resolve();
    if (isImpatient && this.#full !== undefined) return Promise.reject(this.#full);
    const done = new Promise<void>((resolve, reject) => this.#waiting.push({ ready, isImpatient, resolve, reject }));
    this.#writeNext();
    return done;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if (this.#failure !== undefined) each.reject(this.#failure);
      else if (each.ready()) each.resolve();
      else if (each.isImpatient && this.#full !== undefined) each.reject(this.#full);
      else this.#waiting.push(each);
    }
  }

  /** The first failure is the one that counts. Returns it. */
  #fail(error: Error): Error {
    if (this.#failure === undefined) {
      this.#failure = error;
      this.#wake();
      this.#options.onFailure(error);
    }
    return this.#failure;
  }
}

function isSame(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

async function readSummary(table: OrderedTable): Promise<Summary> {
  const value = table.get(SUMMARY_KEY);
  if (value === undefined) {
    for await (const rows of table.scan('', '\u007f')) {
      const [key] = present(rows[0], 'a row of a chunk');
      throw new BackendDamagedError(table.path, `there is no summary, but there is "${key}"`);
    }
    return EMPTY_SUMMARY;
  }
  const summary = decodeSummary(value);
  if (summary === undefined) throw new BackendDamagedError(table.path, 'the summary is not as it was written');
  if ('otherFormat' in summary) {
    throw new DataDirectoryError(
      table.path,
      `it is of format ${summary.otherFormat}; this version reads ${BACKEND_FORMAT}`,
    );
  }
  return summary;
}
