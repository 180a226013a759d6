/**
 * The write-ahead log: the Raft log, the hard state and the snapshot marks of one member. What append() has resolved for is
 * on disk and comes back from open(), whatever happens in between.
 *
 * Group commit. A sync takes a hundred microseconds, whether for one entry or a hundred. So while one is under way, calls
 * gather, and the next write and sync carries them all:
 *
 *     append a ─ write a ─ sync ──────────┐ a done
 *          append b, append c  (gather)   └ write b c ─ sync ──────────┐ b, c done
 *                           append d  (gathers) ...                    └ write d ...
 *
 * A write that fails is taken back, and it fails definitely, together with everything that had gathered behind
 * it and would have left a gap: WalWriteError, and the log goes on. After a sync that failed nobody knows what is on disk;
 * Linux may even have dropped the pages and say "done" next time. It is never tried again: the log is dead, WalFailedError.
 *
 * A full disk does not stop the file in use. What there may be no room for is the next one, and so it is made while this one is half
 * empty. If that finds the disk full, isShortOfSpace says so: the owner lets nothing new begin, and what is under way has half a file
 * to end in. Should that not be enough, it waits until there is room: a member that lags is worth more than one that has to stop.
 *
 * Files, records and what a crash leaves of them: FORMAT.md in codec/, wal-segment.ts, wal-reader.ts.
 */

import { assert, type Clock, type FailpointName, type Failpoints, InvariantError, present } from '../base/index.ts';
import {
  type Entry,
  encodeHardState,
  encodeSnapshotMark,
  encodeWalMetadata,
  type HardState,
  type SnapshotMark,
  WAL_SEAL_BYTES_MAX,
  type WalMetadata,
  WalRecordWriter,
  walEntryBytesMax,
  walRecordBytesMax,
} from '../codec/index.ts';
import { type Disk, type DiskFile, isOutOfSpace } from './disk.ts';
import { WalFailedError, WalWriteError } from './wal-error.ts';
import {
  EMPTY_HARD_STATE,
  EMPTY_SNAPSHOT_MARK,
  readWal,
  type Segment,
  type WalContents,
  type WalCut,
} from './wal-reader.ts';
import {
  fillWithZeros,
  removeSpares,
  SEGMENT_BYTES,
  type Spare,
  SpareSegments,
  segmentFileName,
  writeZeros,
} from './wal-segment.ts';

/** A group takes no further call beyond it; those wait for the next one. A single call may be larger. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;
/** All that waits. Beyond it append refuses: whoever is so far ahead of the disk must be told. */
const QUEUE_BYTES_MAX = 512 * 1024 * 1024;
/** Upper bound of a hard state's bytes. */
const HARD_STATE_BYTES_MAX = 40;
/** The next segment is begun when this one is so full: late enough that a release may have left one to use again. */
const PREPARE_AT = 0.5;

export interface WalOptions {
  /** Size of a file. Larger only if one group is. */
  readonly segmentBytes?: number;
  /** Told how long each sync took, and each write before it. */
  readonly onSync?: (seconds: number) => void;
  readonly onWrite?: (seconds: number) => void;
  /** Told when isShortOfSpace changes. */
  readonly onSpaceChange?: (isShort: boolean) => void;
  /** For trying again to find room. Without one that is done at each append. */
  readonly clock?: Clock;
  readonly failpoints?: Failpoints | undefined;
}

/** What open() found. */
export interface RecoveredWal {
  readonly wal: Wal;
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly snapshotMark: SnapshotMark;
  /** Those after the snapshot mark. Their data are views of whole files: whoever keeps one keeps 64 MiB. */
  readonly entries: readonly Entry[];
  /** A torn write that was cut off the end. */
  readonly cut: WalCut | undefined;
}

/** One call of append, markSnapshot or resetTo. */
interface Call {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly mark: SnapshotMark | undefined;
  /** The log begins anew behind the mark. */
  readonly resets: boolean;
}

/** Calls that go to the disk together, and the promise that they share. */
class Group {
  readonly calls: Call[] = [];
  bytesMax = WAL_SEAL_BYTES_MAX;
  /** Then its call is the only one. */
  get resets(): boolean {
    return this.calls[0]?.resets === true;
  }

  readonly done: Promise<void>;
  resolve: () => void = () => undefined;
  reject: (error: Error) => void = () => undefined;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

interface WalState {
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly snapshotMark: SnapshotMark;
  readonly lastIndex: number;
  readonly crc: number;
  readonly position: number;
  readonly fileBytes: number;
}

export class Wal {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #options: WalOptions;
  readonly #segmentBytes: number;
  /** No more than half a file: a group that is larger than a file needs room that was not set aside for it. */
  readonly #groupBytesMax: number;
  readonly #metadata: WalMetadata;
  readonly #spares: SpareSegments;
  readonly #writer = new WalRecordWriter();

  /** The segments that are full, oldest first, and the one being written. */
  readonly #older: Segment[];
  #segment: Segment;
  #file: DiskFile;
  #fileBytes: number;
  /** Whether nothing but its header is in the file: a group that does not fit will not fit into another one either. */
  #isFresh = false;
  /** As of the last sync: where the next group goes, and what is on disk. */
  #position: number;
  #crc: number;
  #lastIndex: number;
  #hardState: HardState;
  #mark: SnapshotMark;

  readonly #queue: Group[] = [];
  #queuedBytes = 0;
  /** As of the last call in the queue. */
  #queuedIndex: number;
  /** Resolves when nothing is being written. Undefined when nothing is. */
  #running: Promise<void> | undefined;
  #releasing: Promise<void> = Promise.resolve();
  #failure: WalFailedError | undefined;
  #closed = false;
  #bytesWritten = 0;

  private constructor(
    disk: Disk,
    directory: string,
    options: WalOptions,
    spares: SpareSegments,
    segments: readonly Segment[],
    file: DiskFile,
    state: WalState,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#groupBytesMax = Math.min(GROUP_BYTES_MAX, this.#segmentBytes / 2);
    this.#spares = spares;
    this.#older = segments.slice(0, -1);
    this.#segment = present(segments.at(-1), 'a segment to write to');
    this.#file = file;
    this.#metadata = state.metadata;
    this.#hardState = state.hardState;
    this.#mark = state.snapshotMark;
    this.#lastIndex = state.lastIndex;
    this.#queuedIndex = state.lastIndex;
    this.#crc = state.crc;
    this.#position = state.position;
    this.#fileBytes = state.fileBytes;
  }

  /** Makes an empty log in a directory that has none. Rejects with the disk's error, and then there still is none. */
  static async create(disk: Disk, directory: string, metadata: WalMetadata, options: WalOptions = {}): Promise<Wal> {
    await removeSpares(disk, directory);
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    const spares = spareSegments(disk, directory, options);
    const { file, path: sparePath } = await spares.take().finally(() => {
      // Should there be no room, nobody waits until there is.
      if (spares.isShort) spares.stop();
    });
    const writer = new WalRecordWriter();
    writeHeader(writer, 0, metadata, EMPTY_HARD_STATE, EMPTY_SNAPSHOT_MARK);
    file.write(writer.written, 0);
    await file.sync();
    const name = { sequence: 0, firstIndex: 0 };
    const path = `${directory}/${segmentFileName(name)}`;
    await disk.rename(sparePath, path);
    await disk.syncDirectory(directory);
    return new Wal(disk, directory, options, spares, [{ ...name, path, maxIndex: 0 }], file, {
      metadata,
      hardState: EMPTY_HARD_STATE,
      snapshotMark: EMPTY_SNAPSHOT_MARK,
      lastIndex: 0,
      crc: writer.crc,
      position: writer.written.length,
      fileBytes: Math.max(segmentBytes, writer.written.length),
    });
  }

  /** Reads the log, cuts off a torn write and makes ready to append. Rejects with WalDamagedError, having changed nothing. */
  static async open(disk: Disk, directory: string, options: WalOptions = {}): Promise<RecoveredWal> {
    const contents = await readWal(disk, directory);
    await removeSpares(disk, directory);
    const file = await disk.open(present(contents.segments.at(-1), 'a segment').path);
    const { position, crc, cut } = contents;
    if (cut !== undefined) await fillWithZeros(file, position, position + cut.bytes);
    // What was found may be in the kernel only, if a process was killed before its sync. From here on others rely on it.
    const sealEnd = await writeSeal(file, position, crc);
    const spares = spareSegments(disk, directory, options);
    const state = { ...contents, position: sealEnd, fileBytes: Math.max(contents.fileBytes, sealEnd) };
    const wal = new Wal(disk, directory, options, spares, contents.segments, file, state);
    wal.#prepareNext();
    return { wal, ...recovered(contents) };
  }

  /** Index of the last entry that is on disk; that of the snapshot mark if there is none after it. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** The present file is more than half full, and there is no room on the disk for the next one. It is looked for again and again. */
  get isShortOfSpace(): boolean {
    return this.#spares.isShort;
  }

  /** Bytes written so far by this process, framing and all. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Appends entries (their indexes in sequence, the first at most one beyond the last; a lower one replaces what was there)
   * and the hard state. Resolves when they are on disk, in order of the calls; keeps `entries` until then. Rejects with
   * WalWriteError (definitely not written) or WalFailedError (nobody knows; so does every later call).
   */
  append(entries: readonly Entry[], hardState?: HardState): Promise<void> {
    const last = entries.at(-1);
    if (last === undefined && hardState === undefined) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    checkSequence(entries, this.#queuedIndex);
    const lastIndex = last === undefined ? this.#queuedIndex : last.index;
    if (hardState !== undefined) assert(hardState.commit <= lastIndex, `commit ${hardState.commit} is beyond the log`);
    let bytesMax = hardState === undefined ? 0 : walRecordBytesMax(HARD_STATE_BYTES_MAX);
    for (const entry of entries) bytesMax += walEntryBytesMax(entry);
    return this.#enqueue({ entries, hardState, mark: undefined, resets: false }, lastIndex, bytesMax);
  }

  /** Says that everything up to mark.index is safe elsewhere. Resolves and rejects as append does. */
  markSnapshot(mark: SnapshotMark): Promise<void> {
    assert(mark.index >= this.#mark.index, `a snapshot mark goes back, to ${mark.index}`);
    const bytesMax = walRecordBytesMax(HARD_STATE_BYTES_MAX + mark.confState.length);
    const lastIndex = Math.max(this.#queuedIndex, mark.index);
    return this.#enqueue({ entries: [], hardState: undefined, mark, resets: false }, lastIndex, bytesMax);
  }

  /**
   * Gives up every entry, those beyond mark.index too: a snapshot has taken the place of the log, and the next entry is the one after
   * it. The hard state stays. Goes on in a new file, whose name and mark appear together: a crash leaves the old log, or none of it.
   * Resolves and rejects as append does.
   */
  resetTo(mark: SnapshotMark): Promise<void> {
    assert(mark.index > this.#mark.index, `a snapshot mark goes back, to ${mark.index}`);
    return this.#enqueue({ entries: [], hardState: undefined, mark, resets: true }, mark.index, 0);
  }

  /**
   * Gives up the files that hold nothing but entries up to `index` (or up to the snapshot mark on disk, if that is less).
   * Oldest first, each durably before the next: a crash must not leave a hole. Rejects with the disk's error.
   */
  release(index: number): Promise<void> {
    const released = this.#release(this.#releasing, index);
    // Whoever asked is told of a failure; the next release tries the same file again.
    this.#releasing = released.catch(() => undefined);
    return released;
  }

  async #release(before: Promise<void>, index: number): Promise<void> {
    await before;
    const upTo = Math.min(index, this.#mark.index);
    for (;;) {
      const oldest = this.#older[0];
      if (oldest === undefined || oldest.maxIndex > upTo || this.#closed) return;
      await this.#spares.recycle(oldest.path);
      this.#older.shift();
    }
  }

  /** Waits for what was appended, then closes the files. Ends the log with one more seal: its last group was synced. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#spares.stop();
    while (this.#running !== undefined) await this.#running;
    await this.#releasing;
    await this.#spares.close();
    if (this.#failure === undefined) await writeSeal(this.#file, this.#position, this.#crc);
    await this.#file.close();
  }

  #enqueue(call: Call, lastIndex: number, bytesMax: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closed) return Promise.reject(new WalWriteError('it is closed'));
    if (this.#queuedBytes + bytesMax > QUEUE_BYTES_MAX) return Promise.reject(new WalWriteError('too much is waiting'));
    let group = this.#queue.at(-1);
    if (group === undefined || call.resets || group.resets || group.bytesMax + bytesMax > this.#groupBytesMax) {
      group = new Group();
      this.#queue.push(group);
    }
    group.calls.push(call);
    if (this.isShortOfSpace) this.#spares.prepare();
    group.bytesMax += bytesMax;
    this.#queuedBytes += bytesMax;
    this.#queuedIndex = lastIndex;
    // Not at once, but when the caller's turn is over: what else it appends goes with it.
    this.#running ??= Promise.resolve().then(() => this.#run());
    return group.done;
  }

  async #run(): Promise<void> {
    for (;;) {
      const group = this.#queue.shift();
      if (group === undefined) break;
      try {
        await this.#commit(group);
        this.#queuedBytes -= group.bytesMax - WAL_SEAL_BYTES_MAX;
        group.resolve();
      } catch (error) {
        if (error instanceof WalWriteError) {
          this.#rejectAll(group, error);
          continue;
        }
        this.#failure = new WalFailedError(error);
        this.#rejectAll(group, this.#failure);
      }
    }
    this.#running = undefined;
  }

  /** What has gathered behind a group that failed would leave a gap, and fails with it. */
  #rejectAll(failed: Group, error: Error): void {
    for (const group of [failed, ...this.#queue.splice(0)]) group.reject(error);
    this.#queuedBytes = 0;
    this.#queuedIndex = this.#lastIndex;
  }

  /** Writes and syncs one group. Throws WalWriteError if it had no effect; after anything else the log is dead. */
  async #commit(group: Group): Promise<void> {
    if (group.resets) {
      await this.#switch(group.calls[0]?.mark);
      return;
    }
    const end = this.#position + group.bytesMax + WAL_SEAL_BYTES_MAX;
    if (end > this.#segmentBytes && !this.#isFresh) await this.#switch();
    const { failpoints } = this.#options;
    if (failpoints !== undefined) await this.#reach(failpoints, 'raftBeforeSave');
    await this.#write(this.#encode(group));
    if (failpoints !== undefined) await this.#reach(failpoints, 'walBeforeSync');
    await this.#sync();
    if (failpoints !== undefined) await this.#reach(failpoints, 'walAfterSync');
    this.#isFresh = false;

    this.#position += this.#writer.written.length;
    this.#crc = this.#writer.crc;
    for (const { entries, hardState, mark } of group.calls) {
      const last = entries.at(-1);
      if (last !== undefined) {
        this.#lastIndex = last.index;
        this.#segment.maxIndex = Math.max(this.#segment.maxIndex, last.index);
      }
      if (hardState !== undefined) this.#hardState = hardState;
      if (mark !== undefined) {
        this.#mark = mark;
        this.#lastIndex = Math.max(this.#lastIndex, mark.index);
      }
    }
    this.#prepareNext();
    if (failpoints !== undefined) await this.#reach(failpoints, 'raftAfterSave');
  }

  /** A moment that is told to fail is as a disk that fails: the log is dead. */
  async #reach(failpoints: Failpoints, name: FailpointName): Promise<void> {
    const text = await failpoints.reach(name);
    if (text !== undefined) throw new Error(`failpoint ${name}: ${text}`);
  }

  #prepareNext(): void {
    if (this.#position > this.#segmentBytes * PREPARE_AT) this.#spares.prepare();
  }

  #encode(group: Group): Uint8Array {
    const writer = this.#writer;
    writer.begin(this.#crc, group.bytesMax);
    for (const { entries, hardState, mark } of group.calls) {
      for (const entry of entries) writer.entry(entry);
      if (mark !== undefined) writer.record('snapshotMark', encodeSnapshotMark(mark));
      if (hardState !== undefined) writer.record('hardState', encodeHardState(hardState));
    }
    writer.seal(this.#position);
    return writer.written;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const begun = performance.now();
    try {
      this.#file.write(bytes, this.#position);
    } catch (error) {
      await this.#takeBack(bytes.length);
      throw new WalWriteError('writing failed', { cause: error });
    }
    const end = this.#position + bytes.length;
    if (end > this.#fileBytes) this.#fileBytes = end;
    this.#bytesWritten += bytes.length;
    this.#options.onWrite?.((performance.now() - begun) / 1000);
  }

  /** Makes a group that was written in part unwritten. It needs no sync: a crash before the next one leaves a torn group, which is cut. */
  async #takeBack(bytes: number): Promise<void> {
    const end = this.#position + bytes;
    if (end > this.#fileBytes) await this.#file.truncate(this.#fileBytes);
    writeZeros(this.#file, this.#position, Math.min(end, this.#fileBytes));
  }

  async #sync(): Promise<void> {
    const begun = performance.now();
    await this.#file.sync();
    this.#options.onSync?.((performance.now() - begun) / 1000);
  }

  /** Waits for room, if there is none. Throws WalWriteError if something else is wrong, or if the log is being closed. */
  async #takeSpare(): Promise<Spare> {
    for (;;) {
      try {
        return await this.#spares.take();
      } catch (cause) {
        if (this.#closed || !isOutOfSpace(cause)) {
          throw new WalWriteError('there can be no new file', { cause });
        }
        await this.#spares.untilRoom();
      }
    }
  }

  /**
   * Goes on in a new file. Its header is synced before it gets its name, and its name before anything else is written to it;
   * then the old file is told that it has a successor, so that the loss of that one would be noticed.
   * With a mark the log begins anew behind it: the file's header has that mark, and its name the index after it.
   */
  async #switch(newMark?: SnapshotMark): Promise<void> {
    const mark = newMark ?? this.#mark;
    const lastIndex = newMark?.index ?? this.#lastIndex;
    const name = { sequence: this.#segment.sequence + 1, firstIndex: lastIndex + 1 };
    const path = `${this.#directory}/${segmentFileName(name)}`;
    const { file, path: sparePath } = await this.#takeSpare();
    const writer = this.#writer;
    writeHeader(writer, this.#crc, this.#metadata, this.#hardState, mark);
    const headerBytes = writer.written.length;
    const { crc } = writer;
    try {
      file.write(writer.written, 0);
    } catch (cause) {
      await Promise.allSettled([file.close(), this.#disk.remove(sparePath)]);
      throw new WalWriteError('a new file could not be written', { cause });
    }
    await file.sync();
    await this.#disk.rename(sparePath, path);
    await this.#disk.syncDirectory(this.#directory);
    await writeSeal(this.#file, this.#position, this.#crc, name.sequence);
    await this.#file.close();

    this.#bytesWritten += headerBytes;
    this.#older.push(this.#segment);
    if (newMark !== undefined) for (const segment of this.#older) segment.maxIndex = 0;
    this.#mark = mark;
    this.#lastIndex = lastIndex;
    this.#segment = { ...name, path, maxIndex: 0 };
    this.#file = file;
    this.#isFresh = true;
    this.#fileBytes = Math.max(this.#segmentBytes, headerBytes);
    this.#position = headerBytes;
    this.#crc = crc;
  }
}

function spareSegments(disk: Disk, directory: string, options: WalOptions): SpareSegments {
  return new SpareSegments(disk, directory, {
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
    clock: options.clock,
    shortChanged: (isShort) => options.onSpaceChange?.(isShort),
  });
}

function checkSequence(entries: readonly Entry[], lastIndex: number): void {
  let expected = Math.min(entries[0]?.index ?? 1, lastIndex + 1);
  for (const { index } of entries) {
    if (index !== expected || index < 1) throw new InvariantError(`entry ${index} where ${expected} is next`);
    expected++;
  }
}

/** The group that begins each file: with it the file can be read without those before it, once they have been released. */
function writeHeader(
  writer: WalRecordWriter,
  crc: number,
  metadata: WalMetadata,
  hardState: HardState,
  mark: SnapshotMark,
): void {
  writer.begin(crc, WAL_SEAL_BYTES_MAX + 4 * walRecordBytesMax(HARD_STATE_BYTES_MAX) + mark.confState.length);
  writer.opening();
  writer.record('metadata', encodeWalMetadata(metadata));
  if (hardState !== EMPTY_HARD_STATE) writer.record('hardState', encodeHardState(hardState));
  writer.record('snapshotMark', encodeSnapshotMark(mark));
  writer.seal(0);
}

/** Writes and syncs a seal alone; returns where it ends. */
async function writeSeal(file: DiskFile, position: number, crc: number, nextSequence?: number): Promise<number> {
  const writer = new WalRecordWriter();
  writer.begin(crc, WAL_SEAL_BYTES_MAX);
  writer.seal(position, nextSequence);
  file.write(writer.written, position);
  await file.sync();
  return position + writer.written.length;
}

function recovered(contents: WalContents): Omit<RecoveredWal, 'wal'> {
  const { metadata, hardState, snapshotMark, entries, cut } = contents;
  return { metadata, hardState, snapshotMark, entries, cut };
}
