/** HPACK: the examples of RFC 7541, what a peer of another make encodes, and blocks that are none. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../../src/wire/native/frame.ts';
import { HeaderDecoder } from '../../../src/wire/native/header-decoder.ts';
import { headerBlock } from '../../../src/wire/native/response-headers.ts';
import { NaiveHpack } from '../../support/naive-hpack.ts';

const LIST_BYTES_MAX = 65_536;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function decodedAll(blocks: readonly string[]): string[][] {
  const decoder = new HeaderDecoder(LIST_BYTES_MAX);
  return blocks.map((block) => (decoder.decode(hex(block)) ?? []).map(({ name, value }) => `${name}: ${value}`));
}

/** The table is to hold 256 bytes, as in the examples of responses: 31 and 225 more. */
const SIZE_256 = '3fe101';

const FIRST = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const THIRD = [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com'];
const REQUESTS = [FIRST, [...FIRST, 'cache-control: no-cache'], [...THIRD, 'custom-key: custom-value']];
const DATE = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const LATER = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const LOCATION = 'location: https://www.example.com';
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const RESPONSES = [
  [':status: 302', 'cache-control: private', DATE, LOCATION],
  [':status: 307', 'cache-control: private', DATE, LOCATION],
  [':status: 200', 'cache-control: private', LATER, LOCATION, 'content-encoding: gzip', COOKIE],
];

describe("RFC 7541's examples", () => {
  test.each([
    ['C.2.1, remembered', '400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'custom-key: custom-header'],
    ['C.2.2, not remembered', '040c2f73616d706c652f70617468', ':path: /sample/path'],
    ['C.2.3, never remembered', '100870617373776f726406736563726574', 'password: secret'],
    ['C.2.4, by index', '82', ':method: GET'],
  ])('%s', (_, block, field) => {
    expect(decodedAll([block])).toEqual([[field]]);
  });

  test('C.3, requests without Huffman coding', () => {
    const blocks = [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ];
    expect(decodedAll(blocks)).toEqual(REQUESTS);
  });

  test('C.4, requests with Huffman coding', () => {
    const blocks = [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ];
    expect(decodedAll(blocks)).toEqual(REQUESTS);
  });

  test('C.5, responses without Huffman coding, which push each other out', () => {
    const blocks = [
      `${SIZE_256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
       6e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      '4803333037c1c0bf',
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d415344
       4a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
    ];
    expect(decodedAll(blocks)).toEqual(RESPONSES);
  });

  test('C.6, responses with Huffman coding, which push each other out', () => {
    const blocks = [
      `${SIZE_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8
       e9ae82ae43d3`,
      '4883640effc1c0bf',
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960
       d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ];
    expect(decodedAll(blocks)).toEqual(RESPONSES);
  });
});

describe('what another encodes', () => {
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  });
  const field = fc.oneof(
    fc.record({
      name: fc.constantFrom(':path', 'te', 'x', 'user-agent'),
      value: fc.constantFrom('', 'a', '/a/b', 'trailers'),
    }),
    fc.record({ name: text, value: text }),
    fc.record({
      name: fc.constant('long'),
      value: fc.integer({ min: 0, max: 5000 }).map((length) => 'v'.repeat(length)),
    }),
  );
  const way = fc.constantFrom('indexed', 'remembered', 'plain', 'never');
  const block = fc.record({
    tableBytes: fc.option(fc.integer({ min: 0, max: 4096 })),
    fields: fc.array(fc.record({ field, way, isHuffman: fc.boolean() }), { maxLength: 12 }),
  });

  test('is decoded to the same fields, whatever it has us remember', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
        const encoder = new NaiveHpack();
        const decoder = new HeaderDecoder(LIST_BYTES_MAX * 10);
        for (const { tableBytes, fields } of blocks) {
          const size = tableBytes === null ? [] : [encoder.resize(tableBytes)];
          const encoded = fields.map(({ field, way, isHuffman }) => encoder.field(field, way, isHuffman));
          expect(decoder.decode(Buffer.concat([...size, ...encoded]))).toEqual(fields.map(({ field }) => field));
        }
      }),
      { seed: 7541, numRuns: 300 },
    );
  });

  test('we read what we write', () => {
    const fields = [
      [':status', '200'],
      ['grpc-status', '13'],
      ['x-long', 'y'.repeat(1000)],
    ] as const;
    expect(new HeaderDecoder(LIST_BYTES_MAX).decode(headerBlock(fields))).toEqual(
      fields.map(([name, value]) => ({ name, value })),
    );
  });
});

describe('what is no block', () => {
  test.each([
    ['an index of nothing', '80'],
    ['an index beyond the tables', 'be'],
    ['a number cut off', 'ff'],
    ['a number without end', 'ffffffffffffffff7f'],
    ['a name cut off', '400a6375'],
    ['a value cut off', '0085'],
    ['a length beyond everything', '007fffffff7f'],
    ['a table larger than allowed', '3fe21f'],
    ['a size of the table after a field', '8220'],
    ['Huffman: EOS', '0084ffffffff00'],
    ['Huffman: more than seven bits of padding', '00821fff00'],
    ['Huffman: padding of zeros', '00811800'],
  ])('%s', (_, block) => {
    expect(() => new HeaderDecoder(LIST_BYTES_MAX).decode(hex(block))).toThrow(ConnectionError);
  });

  test('a list larger than allowed is not kept, but what it has us remember is', () => {
    const decoder = new HeaderDecoder(1000);
    const entry = new NaiveHpack();
    const first = entry.field({ name: 'a', value: 'b'.repeat(900) }, 'remembered', false);
    const again = entry.field({ name: 'a', value: 'b'.repeat(900) }, 'indexed', false);
    expect(again.length).toBe(1);
    const last = entry.field({ name: 'c', value: 'd' }, 'remembered', false);
    expect(
      decoder.decode(Buffer.concat([first, ...Array.from({ length: 10_000 }, () => again), last])),
    ).toBeUndefined();
    const indexed = entry.field({ name: 'c', value: 'd' }, 'indexed', false);
    expect(decoder.decode(indexed)).toEqual([{ name: 'c', value: 'd' }]);
  });
});
