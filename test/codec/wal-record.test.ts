import { expect, test } from 'vitest';
import { crc32c } from '../../src/base/index.ts';
import {
  decodeEntry,
  decodeHardState,
  decodeSnapshotMark,
  decodeWalMetadata,
  type Entry,
  encodeHardState,
  encodeSnapshotMark,
  encodeWalMetadata,
  findSeal,
  readWalRecord,
  sealAt,
  WalRecordWriter,
  walEntryBytesMax,
  writeEntryHead,
} from '../../src/codec/index.ts';
import { raftpb, walpb } from '../../src/gen/etcd.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const CONF_STATE = Uint8Array.of(8, 1);

function encodeEntry(entry: Entry): Uint8Array {
  const head = new Uint8Array(100);
  const length = writeEntryHead(head, 0, entry);
  return Buffer.concat([head.subarray(0, length), entry.data]);
}

const ENTRIES: readonly Entry[] = [
  { type: 'normal', term: 0, index: 1, data: new Uint8Array(0) },
  { type: 'normal', term: 3, index: 127, data: Uint8Array.of(1, 2, 3) },
  { type: 'confChange', term: 128, index: 2 ** 31, data: new Uint8Array(200).fill(7) },
  { type: 'confChangeV2', term: 2 ** 35, index: Number.MAX_SAFE_INTEGER, data: new Uint8Array(20_000) },
];

test('the framing is etcd’s: length word, record, padding', () => {
  const writer = new WalRecordWriter();
  writer.begin(0, 1000);
  writer.opening();
  writer.record('metadata', encodeWalMetadata({ nodeId: 1n, clusterId: 2n }));
  writer.entry({ type: 'normal', term: 1, index: 2, data: Uint8Array.of(0x61) });
  writer.seal(0x100);
  // Each record's bytes by protobufjs; the lengths and paddings counted by hand.
  const metadata = Uint8Array.of(8, 1, 16, 2);
  const entry = Uint8Array.of(8, 0, 16, 1, 24, 2, 0x22, 1, 0x61);
  const crc1 = crc32c(metadata);
  const crc2 = crc32c(entry, crc1);
  const record = (type: number, crc: number, data?: Uint8Array): string =>
    hex(walpb.Record.encode({ type, crc, ...(data === undefined ? {} : { data }) }).finish());
  const expected = [
    ['0400000000000084', '08041000', '00000000'],
    ['0e00000000000082', record(1, crc1, metadata), '0000'],
    ['1300000000000085', record(2, crc2, entry), '0000000000'],
    ['1200000000000086', record(4, crc2, Uint8Array.of(0x48, 1, 0, 0, 0, 0, 0, 0)), '000000000000'],
  ];
  expect(hex(writer.written)).toBe(expected.flat().join(''));
  expect(writer.crc).toBe(crc2);
});

test('messages are what every protobuf reader takes them for', () => {
  for (const entry of ENTRIES) {
    const read = raftpb.Entry.decode(encodeEntry(entry));
    expect(Number(read.Index)).toBe(entry.index);
    expect(Number(read.Term)).toBe(entry.term);
    expect(['normal', 'confChange', 'confChangeV2'][read.Type]).toBe(entry.type);
    expect(hex(read.Data ?? new Uint8Array(0))).toBe(hex(entry.data));
  }
  const state = raftpb.HardState.decode(encodeHardState({ term: 5, vote: 0xffff_ffff_ffff_fffen, commit: 9 }));
  expect([String(state.term), String(state.vote), String(state.commit)]).toEqual(['5', '18446744073709551614', '9']);
  const mark = walpb.Snapshot.decode(encodeSnapshotMark({ index: 300, term: 2, confState: CONF_STATE }));
  expect([Number(mark.index), Number(mark.term), String(mark.conf_state?.voters)]).toEqual([300, 2, '1']);
});

test('what is written is read', () => {
  for (const entry of ENTRIES) {
    expect(decodeEntry(encodeEntry(entry))).toEqual({ ...entry, data: Buffer.from(entry.data) });
  }
  for (const vote of [0n, 1n, 0x8e9e05c52164694dn, 0xffff_ffff_ffff_ffffn]) {
    const state = { term: 2 ** 40, vote, commit: Number.MAX_SAFE_INTEGER };
    expect(decodeHardState(encodeHardState(state))).toEqual(state);
    const metadata = { nodeId: vote, clusterId: 7n };
    expect(decodeWalMetadata(encodeWalMetadata(metadata))).toEqual(metadata);
  }
  for (const confState of [new Uint8Array(0), CONF_STATE, new Uint8Array(300)]) {
    const mark = { index: 2 ** 33, term: 1, confState };
    expect(decodeSnapshotMark(encodeSnapshotMark(mark))).toEqual(mark);
  }
});

test('no message is read as one of another kind, or in another form', () => {
  const entries = ENTRIES.map(encodeEntry);
  const states = [encodeHardState({ term: 0, vote: 0n, commit: 0 }), encodeHardState({ term: 2, vote: 1n, commit: 1 })];
  const marks = [CONF_STATE, new Uint8Array(0)].map((confState) =>
    encodeSnapshotMark({ index: 1, term: 1, confState }),
  );
  const decoders = { entry: decodeEntry, state: decodeHardState, mark: decodeSnapshotMark };
  const samples = { entry: entries, state: states, mark: marks };
  for (const [name, decode] of Object.entries(decoders)) {
    for (const [kind, all] of Object.entries(samples)) {
      for (const bytes of all) expect(decode(bytes) !== undefined, `a ${kind} as a ${name}`).toBe(name === kind);
    }
  }
  const others = {
    'a number longer than it must be': '08808000100018002200',
    'a field left out': '080018012200',
    'fields in another order': '100008001801 2200'.replace(' ', ''),
    'a field too much': '08001000180122002801',
    'an unknown entry type': '08031000180122 00'.replace(' ', ''),
    'data that end too soon': '0800100018012205aa',
    'a number of more than 53 bits': '080010ffffffffffffffff7f18012200',
    nothing: '',
  };
  expect(decodeEntry(Buffer.from('0800100018012200', 'hex'))).toBeDefined();
  for (const [what, bytes] of Object.entries(others)) {
    expect(decodeEntry(Buffer.from(bytes, 'hex')), what).toBeUndefined();
  }
});

test('the bound of an entry’s bytes is one', () => {
  const writer = new WalRecordWriter();
  for (const entry of ENTRIES) {
    writer.begin(0xffff_ffff, walEntryBytesMax(entry));
    writer.entry(entry);
    expect(writer.written.length).toBeLessThanOrEqual(walEntryBytesMax(entry));
  }
});

test('a record that is not whole, or not one, is bad; zeros are unwritten', () => {
  const writer = new WalRecordWriter();
  writer.begin(0, 1000);
  writer.record('hardState', encodeHardState({ term: 1, vote: 2n, commit: 3 }));
  const file = new Uint8Array(100);
  file.set(writer.written, 8);
  expect(readWalRecord(file, 0)).toEqual({ kind: 'unwritten' });
  expect(readWalRecord(file, 96)).toEqual({ kind: 'unwritten' });
  expect(readWalRecord(file, 8)).toMatchObject({ kind: 'record', type: 'hardState', end: 8 + writer.written.length });
  expect(readWalRecord(file.subarray(0, 8 + writer.written.length - 1), 8).kind).toBe('bad');
  for (let at = 8; at < 8 + writer.written.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const copy = file.slice();
      copy[at] = (copy[at] ?? 0) ^ (1 << bit);
      const read = readWalRecord(copy, 8);
      // Only type, CRC and data may change without its being seen here: the first two by their sense, the last by its CRC.
      const intact = read.kind === 'record' && read.type === 'hardState' && crc32c(read.data) === read.crc;
      expect(intact, `byte ${at} bit ${bit}`).toBe(false);
    }
  }
});

test('a seal holds only at its own offset', () => {
  const writer = new WalRecordWriter();
  writer.begin(5, 1000);
  writer.seal(64, 9);
  const file = new Uint8Array(256);
  file.set(writer.written, 64);
  const end = 64 + writer.written.length;
  expect(sealAt(64, readWalRecord(file, 64))).toEqual({ offset: 64, end, nextSequence: 9 });
  expect(findSeal(file, 0)).toEqual({ offset: 64, end, nextSequence: 9 });
  expect(findSeal(file, 72)).toBeUndefined();
  file.copyWithin(128, 64, end);
  file.fill(0, 64, end);
  expect(readWalRecord(file, 128).kind).toBe('record');
  expect(findSeal(file, 0)).toBeUndefined();
});
