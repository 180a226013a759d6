/**
 * Reads the log at start-up and decides what to make of its end.
 *
 * Records are read from the first file on until one cannot be: its length word is zero, its form or its CRC is wrong. In any
 * file but the last that place must be the end, and whether it is can be proved: the next file opens with the state of the
 * CRC chain, and if that is the state reached, nothing is missing between. Otherwise the log is damaged.
 *
 * In the last file the place may be the clean end, a write that a crash has torn, or damage, and the three must not be taken
 * for each other: a torn write was never acknowledged and is cut off; to cut off damage would be to lose what was. What
 * is known: a group of records is written at once, ends with a seal, and is synced before the next one is written; what was
 * never written is zero; a disk writes any subset of a group's 512-byte sectors before a crash, a file system any subset of its pages.
 *
 *     clean      ... seal | 0 0 0 0 0 0 0 0                       only zeros follow
 *     torn       ... seal | 0 0 0 record seal | 0 0               the sector with the record's beginning was not written
 *     torn       ... seal | record bad 0 0 0                      nothing was written behind some place in the bad record
 *     torn       ... seal | record bad 0 0 0 record seal | 0 0    there lies a sector of zeros in the bad record
 *     damaged    ... seal | record bad record seal | record       something follows the group's seal: it had been synced
 *     damaged    ... seal | record bad record seal | 0 0 0        all of the bad record was written, and yet it is bad
 *
 * A file may begin with another entry than the one after the last, if a snapshot was put in the place of the log: then the mark in
 * its header is that of the snapshot, and all entries before the file are void.
 *
 * What is left are cases that bytes cannot tell: the group was synced, and later record, seal and all behind them became
 * zeros, or the bad record's length has changed as well and no seal is left. Such an end is cut and reported; the applied
 * index of the store, if it is beyond the log's end, still gives it away. A log that ends before the commit index in its own
 * hard state is damaged for the same reason, and so is one whose last file says that there is a next one.
 */

import { assert, type Bytes, crc32c, EMPTY_BYTES, equalBytes, unreachable } from '../base/index.ts';
import {
  decodeEntry,
  decodeHardState,
  decodeSnapshotMark,
  decodeWalMetadata,
  type Entry,
  findSeal,
  type HardState,
  readWalRecord,
  type SnapshotMark,
  sealAt,
  type WalMetadata,
  type WalRead,
} from '../codec/index.ts';
import type { Disk } from './disk.ts';
import { WalDamagedError } from './wal-error.ts';
import { parseSegmentFileName, type SegmentName } from './wal-segment.ts';

const SECTOR_BYTES = 512;
/** Parsed between two turns of the event loop. */
const SLICE_BYTES = 1024 * 1024;

export interface Segment extends SegmentName {
  readonly path: string;
  /** Of all entries in it; 0 if it holds none. */
  maxIndex: number;
}

/** A torn write that was (or is to be) cut off the log's end. It had not been acknowledged. */
export interface WalCut {
  readonly file: string;
  readonly offset: number;
  /** From there to the last byte that is not zero. */
  readonly bytes: number;
  readonly reason: string;
}

export interface WalContents {
  readonly metadata: WalMetadata;
  readonly hardState: HardState;
  readonly snapshotMark: SnapshotMark;
  /** Those after the snapshot mark, without a gap. Their data are views of the files' bytes: to copy each would take twice the time. */
  readonly entries: readonly Entry[];
  readonly lastIndex: number;
  readonly segments: readonly Segment[];
  /** Of the last segment: where the next record goes, the state of the chain there, and the file's size. */
  readonly position: number;
  readonly crc: number;
  readonly fileBytes: number;
  readonly cut: WalCut | undefined;
}

type WalRecord = Extract<WalRead, { kind: 'record' }>;

/** Where reading a file ended, and why. */
interface Stop {
  readonly path: string;
  readonly offset: number;
  readonly reason: string;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0n, commit: 0 };
export const EMPTY_SNAPSHOT_MARK: SnapshotMark = { index: 0, term: 0, confState: EMPTY_BYTES };

/** Reads all segments of `directory`. Changes nothing. Throws WalDamagedError. */
export async function readWal(disk: Disk, directory: string): Promise<WalContents> {
  const segments = segmentsOf(await disk.list(directory), directory);
  const reader = new WalReader(directory);
  for (const [at, segment] of segments.entries()) {
    await reader.read(disk, segment, at === segments.length - 1);
  }
  return reader.contents(segments);
}

/** Whether there is a log in `directory`, whatever its state. */
export async function hasWal(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.list(directory)).some((name) => parseSegmentFileName(name) !== undefined);
}

function segmentsOf(fileNames: readonly string[], directory: string): Segment[] {
  const segments: Segment[] = [];
  for (const fileName of fileNames) {
    const name = parseSegmentFileName(fileName);
    if (name === undefined) continue;
    const path = `${directory}/${fileName}`;
    const before = segments.at(-1);
    if (before !== undefined && name.sequence !== before.sequence + 1) {
      throw new WalDamagedError(path, 0, `the file with sequence number ${before.sequence + 1} is missing before it`);
    }
    segments.push({ ...name, path, maxIndex: 0 });
  }
  if (segments.length === 0) throw new WalDamagedError(directory, 0, 'there is no file of the log');
  return segments;
}

class WalReader {
  readonly #directory: string;
  /** The bytes of the file being read. */
  #file: Bytes = EMPTY_BYTES;
  #crc = 0;
  #position = 0;
  #nextSequence: number | undefined;
  /** Where the file before stopped. */
  #stop: Stop | undefined;
  #metadataBytes: Bytes | undefined;
  #metadata: WalMetadata | undefined;
  #hardState = EMPTY_HARD_STATE;
  #mark = EMPTY_SNAPSHOT_MARK;
  /** The index before that of the first of #entries. */
  #base = 0;
  #entries: Entry[] = [];
  /** Of the last file with which the log began anew. */
  #anewSequence = 0;
  #cut: WalCut | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(disk: Disk, segment: Segment, isLast: boolean): Promise<void> {
    await this.#load(disk, segment.path);
    this.#open(segment);
    const read = await this.#readRecords(segment);
    const reason = read.kind === 'bad' ? read.reason : 'nothing is written there';
    this.#stop = { path: segment.path, offset: this.#position, reason };
    if (isLast) this.#cut = this.#judgeEnd(read, segment.path);
  }

  contents(segments: readonly Segment[]): WalContents {
    const { path, offset } = this.#stop ?? { path: this.#directory, offset: 0 };
    if (this.#nextSequence !== undefined) {
      throw new WalDamagedError(path, offset, `the next file, with sequence number ${this.#nextSequence}, is missing`);
    }
    const lastIndex = this.#lastIndex;
    if (this.#hardState.commit > lastIndex) {
      const reason = `the log ends with entry ${lastIndex}, but entry ${this.#hardState.commit} was committed`;
      throw new WalDamagedError(path, offset, reason);
    }
    if (this.#mark.index < this.#base) {
      const reason = `the entries from ${this.#mark.index + 1} to ${this.#base} are missing before it`;
      throw new WalDamagedError(segments[0]?.path ?? path, 0, reason);
    }
    assert(this.#metadata !== undefined, 'every segment that was read has metadata');
    for (const segment of segments) if (segment.sequence < this.#anewSequence) segment.maxIndex = 0;
    return {
      metadata: this.#metadata,
      hardState: this.#hardState,
      snapshotMark: this.#mark,
      entries: this.#entries.slice(this.#mark.index - this.#base),
      lastIndex,
      segments,
      position: this.#position,
      crc: this.#crc,
      fileBytes: this.#file.length,
      cut: this.#cut,
    };
  }

  get #lastIndex(): number {
    return this.#base + this.#entries.length;
  }

  async #load(disk: Disk, path: string): Promise<void> {
    const file = await disk.open(path);
    try {
      const size = await file.sizeBytes();
      const bytes = new Uint8Array(size);
      this.#file = bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  }

  /** Reads the first two records: the state of the chain, and whose log it is. They were synced before the file got its name. */
  #open(segment: Segment): void {
    const opening = readWalRecord(this.#file, 0);
    if (opening.kind !== 'record' || opening.type !== 'crc' || opening.data.length > 0) {
      throw new WalDamagedError(segment.path, 0, 'it does not begin as a file of the log does');
    }
    const stop = this.#stop;
    if (stop !== undefined && opening.crc !== this.#crc) throw new WalDamagedError(stop.path, stop.offset, stop.reason);
    if (stop === undefined) this.#base = Math.max(0, segment.firstIndex - 1);
    this.#crc = opening.crc;
    this.#position = opening.end;
    this.#nextSequence = undefined;

    const record = readWalRecord(this.#file, this.#position);
    const metadata =
      record.kind === 'record' && record.type === 'metadata' ? decodeWalMetadata(record.data) : undefined;
    if (record.kind !== 'record' || metadata === undefined || crc32c(record.data, this.#crc) !== record.crc) {
      throw new WalDamagedError(segment.path, this.#position, 'it does not say whose log it is');
    }
    if (this.#metadataBytes !== undefined && !equalBytes(record.data, this.#metadataBytes)) {
      throw new WalDamagedError(segment.path, this.#position, 'it is from the log of another member');
    }
    this.#metadata = metadata;
    this.#metadataBytes = record.data.slice();
    this.#crc = record.crc;
    this.#position = record.end;
    if (stop !== undefined && segment.firstIndex !== this.#lastIndex + 1) this.#beginAnew(segment);
  }

  /** All entries so far are void, if the header says so. Its CRC is checked when it is read in its turn. */
  #beginAnew(segment: Segment): void {
    const before = segment.firstIndex - 1;
    if (headerMark(this.#file, this.#position)?.index !== before) {
      const reason = `its name says entry ${segment.firstIndex}, but entry ${this.#lastIndex + 1} is next`;
      throw new WalDamagedError(segment.path, 0, reason);
    }
    this.#base = before;
    this.#entries = [];
    this.#anewSequence = segment.sequence;
  }

  /** Takes in records until one cannot be read, and returns that. */
  async #readRecords(segment: Segment): Promise<Exclude<WalRead, { kind: 'record' }>> {
    let pause = this.#position + SLICE_BYTES;
    for (;;) {
      const read = readWalRecord(this.#file, this.#position);
      if (read.kind !== 'record') return read;
      const fault = this.#take(read, segment);
      if (fault !== undefined) return { kind: 'bad', reason: fault, end: read.end };
      this.#position = read.end;
      if (this.#position < pause) continue;
      pause = this.#position + SLICE_BYTES;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Takes in one record; returns what is wrong with it, if anything is. */
  #take(record: WalRecord, segment: Segment): string | undefined {
    if (record.type === 'crc') {
      const seal = sealAt(this.#position, record);
      if (seal === undefined || record.crc !== this.#crc) return 'a seal that does not fit';
      this.#nextSequence = seal.nextSequence;
      return undefined;
    }
    const crc = crc32c(record.data, this.#crc);
    if (crc !== record.crc) return 'a CRC that does not fit';
    const fault = this.#takeData(record, segment);
    if (fault !== undefined) return fault;
    this.#crc = crc;
    this.#nextSequence = undefined;
    return undefined;
  }

  #takeData(record: WalRecord, segment: Segment): string | undefined {
    switch (record.type) {
      case 'entry': {
        const entry = decodeEntry(record.data);
        if (entry === undefined) return 'not an entry';
        this.#takeEntry(entry, segment);
        return undefined;
      }
      case 'hardState': {
        const hardState = decodeHardState(record.data);
        if (hardState === undefined) return 'not a hard state';
        this.#hardState = hardState;
        return undefined;
      }
      case 'snapshotMark': {
        const mark = decodeSnapshotMark(record.data);
        if (mark === undefined) return 'not a snapshot mark';
        this.#takeMark({ ...mark, confState: mark.confState.slice() });
        return undefined;
      }
      case 'metadata':
      case 'crc':
        return `a record of type ${record.type} in the wrong place`;
      default:
        return unreachable(record.type);
    }
  }

  /** An index that was there before takes the place of that entry and of all after it: Raft has given those up. */
  #takeEntry(entry: Entry, segment: Segment): void {
    if (entry.index > this.#lastIndex + 1) {
      const reason = `entry ${entry.index} follows entry ${this.#lastIndex}`;
      throw new WalDamagedError(segment.path, this.#position, reason);
    }
    if (entry.index <= this.#base) {
      this.#base = entry.index - 1;
      this.#entries = [];
    } else this.#entries.length = entry.index - this.#base - 1;
    this.#entries.push(entry);
    segment.maxIndex = Math.max(segment.maxIndex, entry.index);
  }

  #takeMark(mark: SnapshotMark): void {
    this.#mark = mark;
    if (mark.index >= this.#lastIndex) {
      this.#base = mark.index;
      this.#entries = [];
    } else if (mark.index > this.#base) {
      this.#entries.splice(0, mark.index - this.#base);
      this.#base = mark.index;
    }
  }

  /** The rule at the head of this file. Undefined if the end is clean. */
  #judgeEnd(read: Exclude<WalRead, { kind: 'record' }>, path: string): WalCut | undefined {
    const at = this.#position;
    const written = writtenBytes(this.#file);
    if (written <= at) return undefined;
    const reason = read.kind === 'bad' ? read.reason : 'nothing is written there, but there is behind it';
    const seal = findSeal(this.#file, at);
    if (seal !== undefined && written > seal.end) {
      throw new WalDamagedError(path, at, `${reason}; records that were written later follow`);
    }
    const isTorn =
      read.kind === 'unwritten' ||
      (seal === undefined && written <= read.end) ||
      hasUnwrittenSector(this.#file, at, read.end, seal?.offset ?? this.#file.length);
    if (!isTorn) throw new WalDamagedError(path, at, `${reason}, although all of it was written`);
    return { file: path, offset: at, bytes: written - at, reason };
  }
}

/** The snapshot mark of a file's header, in which at most a hard state comes before it. */
function headerMark(file: Bytes, position: number): SnapshotMark | undefined {
  let read = readWalRecord(file, position);
  if (read.kind === 'record' && read.type === 'hardState') read = readWalRecord(file, read.end);
  return read.kind === 'record' && read.type === 'snapshotMark' ? decodeSnapshotMark(read.data) : undefined;
}

/** How many bytes the file has up to the last that is not zero. Four at a time: most of a segment may be empty. */
function writtenBytes(file: Bytes): number {
  let end = file.length;
  for (; end % 4 !== 0; end--) if (file[end - 1] !== 0) return end;
  const words = new Int32Array(file.buffer, file.byteOffset, end / 4);
  let word = words.length;
  while (word > 0 && words[word - 1] === 0) word--;
  end = word * 4;
  while (end > 0 && file[end - 1] === 0) end--;
  return end;
}

/**
 * Whether a sector that holds some of the bad record [from, to) was never written: it is zero. The sector that `from` is in
 * was, since it holds the record's length word; and so was the one in which the group's seal begins, if that is there.
 */
function hasUnwrittenSector(file: Bytes, from: number, to: number, sealOffset: number): boolean {
  const first = Math.ceil(from / SECTOR_BYTES) * SECTOR_BYTES;
  for (let sector = first; sector < to && sector + SECTOR_BYTES <= sealOffset; sector += SECTOR_BYTES) {
    if (file.subarray(sector, sector + SECTOR_BYTES).every((byte) => byte === 0)) return true;
  }
  return false;
}
