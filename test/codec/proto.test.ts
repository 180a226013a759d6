import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { joined, lengthOf, PIECE_BYTES_MIN, ProtocolError, ProtoReader, ProtoWriter } from '../../src/codec/index.ts';

type Field =
  | { readonly kind: 'number'; readonly field: number; readonly value: number }
  | { readonly kind: 'bigint'; readonly field: number; readonly value: bigint }
  | { readonly kind: 'bytes'; readonly field: number; readonly value: Uint8Array }
  | { readonly kind: 'message'; readonly field: number; readonly fields: readonly Field[] };

const fieldNumber = fc.integer({ min: 1, max: 0x1fff_ffff });
const size = fc.oneof(fc.nat(40), fc.integer({ min: PIECE_BYTES_MIN - 2, max: PIECE_BYTES_MIN + 2 }));

const { field: anyField } = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constant('number' as const),
      field: fieldNumber,
      value: fc.maxSafeInteger().filter((n) => n !== 0),
    }),
    fc.record({
      kind: fc.constant('bigint' as const),
      field: fieldNumber,
      value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((n) => n !== 0n),
    }),
    fc.record({
      kind: fc.constant('bytes' as const),
      field: fieldNumber,
      value: size.chain((n) => fc.nat(255).map((byte) => new Uint8Array(n).fill(byte))),
    }),
    fc.record({
      kind: fc.constant('message' as const),
      field: fieldNumber,
      fields: fc.array(tie('field'), { maxLength: 4 }),
    }),
  ),
}));

function write(writer: ProtoWriter, fields: readonly Field[]): void {
  for (const field of fields.toReversed()) {
    if (field.kind === 'number') writer.numberField(field.field, field.value);
    else if (field.kind === 'bigint') writer.bigintField(field.field, field.value);
    else if (field.kind === 'bytes') writer.bytesField(field.field, field.value);
    else {
      const end = writer.length;
      write(writer, field.fields);
      writer.messageField(field.field, end);
    }
  }
}

/** Reads what `fields` says should be there. */
function expectFields(bytes: Uint8Array, fields: readonly Field[]): void {
  const reader = new ProtoReader(bytes);
  for (const field of fields) {
    expect(reader.next()).toBe(true);
    expect(reader.field).toBe(field.field);
    if (field.kind === 'number') expect(reader.number()).toBe(field.value);
    else if (field.kind === 'bigint') expect(reader.bigint()).toBe(field.value);
    else if (field.kind === 'bytes') expect(Buffer.compare(reader.bytes(), field.value)).toBe(0);
    else expectFields(reader.bytes(), field.fields);
  }
  expect(reader.next()).toBe(false);
}

test('what is written back to front is read front to back', () => {
  fc.assert(
    fc.property(fc.array(anyField, { maxLength: 8 }), fc.nat(5000), (fields, bytesExpected) => {
      const writer = new ProtoWriter(bytesExpected);
      write(writer, fields);
      const length = writer.length;
      const message = writer.finish();
      expect(lengthOf(message)).toBe(length);
      expectFields(joined(message), fields);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('what nobody asks for is passed over', () => {
  fc.assert(
    fc.property(fc.array(anyField, { maxLength: 6 }), (fields) => {
      const writer = new ProtoWriter();
      write(writer, fields);
      const reader = new ProtoReader(joined(writer.finish()));
      const seen: number[] = [];
      while (reader.next()) {
        seen.push(reader.field);
        reader.skip();
      }
      expect(seen).toEqual(fields.map(({ field }) => field));
    }),
    { seed: 2, numRuns: 200 },
  );
});

test('large bytes are sent from where they lie', () => {
  const large = new Uint8Array(PIECE_BYTES_MIN).fill(7);
  const writer = new ProtoWriter();
  writer.bytesField(2, large);
  writer.numberField(1, 5);
  const message = writer.finish();
  expect(Array.isArray(message) && message.includes(large)).toBe(true);
});

/** Reads everything there is, in every way there is. Ends, or throws a ProtocolError. */
function readAnyhow(bytes: Uint8Array, choice: (field: number) => number): void {
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    const how = choice(reader.field) % 6;
    if (how === 0) reader.skip();
    else if (how === 1) reader.number();
    else if (how === 2) reader.bigint();
    else if (how === 3) reader.bool();
    else if (how === 4) reader.text();
    else readAnyhow(reader.bytes(), choice);
  }
}

test('garbage is a ProtocolError or a message, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.infiniteStream(fc.nat(5)), (bytes, choices) => {
      // Bytes beyond the end must not be looked at: they would end any number.
      const page = new Uint8Array(bytes.length + 16);
      page.set(bytes);
      const read = (): void => readAnyhow(page.subarray(0, bytes.length), () => choices.next().value);
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { seed: 3, numRuns: 5000 },
  );
});

test.each([
  ['a number that does not end', [0x08, 0x80], 'unexpected EOF'],
  ['a number of eleven bytes', [0x08, ...Array.from({ length: 10 }, () => 0xff), 0x01], 'proto: integer overflow'],
  ['bytes beyond the end', [0x0a, 5, 0x61], 'unexpected EOF'],
  [
    'a negative length',
    [0x0a, ...Array.from({ length: 9 }, () => 0xff), 0x01],
    'proto: negative length found during unmarshaling',
  ],
  ['field 0', [0x02, 0], 'proto: illegal tag 0 (wire type 2)'],
  ['the end of no group', [0x0c], 'proto: illegal wireType 4 for field 1'],
  ['a wire type that there is not', [0x0e], 'proto: illegal wireType 6 for field 1'],
  ['a group without end', [0x0b, 0x10, 0x01], 'unexpected EOF'],
  ['four bytes, of which two are there', [0x0d, 1, 2], 'unexpected EOF'],
])('%s is refused', (_, bytes, text) => {
  const reader = new ProtoReader(Uint8Array.from(bytes));
  expect(() => {
    while (reader.next()) reader.skip();
  }).toThrow(new ProtocolError(text));
});

test('a field of another type than asked for is refused', () => {
  const reader = new ProtoReader(Uint8Array.from([0x08, 5]));
  reader.next();
  expect(() => reader.bytes()).toThrow(new ProtocolError('proto: wrong wireType = 0 for field 1'));
});

test('groups within groups cost no stack', () => {
  const depth = 100_000;
  const bytes = new Uint8Array(depth * 2);
  bytes.fill(0x0b, 0, depth);
  bytes.fill(0x0c, depth);
  const reader = new ProtoReader(bytes);
  reader.next();
  reader.skip();
  expect(reader.next()).toBe(false);
});

test('ten bytes hold 64 bits', () => {
  const bytes = Uint8Array.from([0x08, ...Array.from({ length: 9 }, () => 0xff), 0x7f]);
  const reader = new ProtoReader(bytes);
  reader.next();
  expect(reader.bigint()).toBe(-1n);
});
