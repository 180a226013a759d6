/**
 * The two servers behind the wire port, side by side: the same conversations, from a seed, with a client of another make (node:http2),
 * and the same answers: status of HTTP and of gRPC, message, messages, and what the handlers saw.
 */

import * as http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present, RequestError, Status } from '../../../src/base/index.ts';
import { ProtocolError } from '../../../src/codec/index.ts';
import { GrpcJsServer, type Method, NativeServer } from '../../../src/wire/index.ts';
import { grpcMessage } from '../../bench/http2-frame.ts';
import { bytes, duplex, echo, type MakeServer, serverStream, unary, WireFixture } from '../../support/wire-fixture.ts';

const METHODS: Readonly<Record<string, Method>> = {
  '/t.T/Echo': echo,
  '/t.T/Later': unary(async (request) => [request, bytes('!')]),
  '/t.T/Refuse': unary(() => {
    throw new RequestError('compacted');
  }),
  '/t.T/Fail': unary(() => Promise.reject(new ProtocolError('nonsense: 100% of it, «all»\n'))),
  '/t.T/Metadata': unary((_, { metadata }) =>
    bytes(
      JSON.stringify([...metadata].filter(([name]) => name.startsWith('x-')).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ),
  ),
  '/t.T/Count': serverStream((stream, request) => {
    for (let i = 0; i < request.length; i++) stream.write([request.subarray(0, i), bytes(`-${i}`)]);
    stream.end(request.length > 20 ? { code: Status.aborted, message: 'enough' } : undefined);
  }),
  '/t.T/Talk': duplex((stream) => {
    stream.onMessage((message) => {
      stream.write(message);
      if (message.length === 3) stream.end({ code: Status.notFound, message: 'three' });
    });
    stream.onHalfClose(() => stream.end());
  }),
};

interface Side {
  readonly fixture: WireFixture;
  session: http2.ClientHttp2Session | undefined;
}

const sides: readonly Side[] = [
  (options: Parameters<MakeServer>[0]) => new GrpcJsServer(options),
  (options: Parameters<MakeServer>[0]) => new NativeServer(options),
].map((make) => ({ fixture: new WireFixture(make), session: undefined }));

beforeAll(async () => {
  for (const side of sides) {
    const { port } = await side.fixture.serve(METHODS);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    side.session = session;
    side.fixture.atEnd(() => session.destroy());
  }
});

afterAll(async () => {
  for (const { fixture } of sides) await fixture.end();
});

interface Conversation {
  readonly headers: Readonly<Record<string, string>>;
  /** As it goes over the wire, cut here. */
  readonly body: readonly Buffer[];
}

interface Outcome {
  readonly http: number | undefined;
  readonly grpc: string;
  readonly message: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

function hold(session: http2.ClientHttp2Session, { headers, body }: Conversation): Promise<Outcome> {
  const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', ...headers });
  const parts: Buffer[] = [];
  let first: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (seen) => {
    first = seen;
  });
  stream.on('trailers', (seen) => {
    trailers = seen;
  });
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('error', () => {});
  for (const part of body) stream.write(part);
  stream.end();
  return new Promise((resolve) => {
    stream.on('close', () => {
      const end = { ...first, ...trailers };
      resolve({
        http: first[':status'],
        grpc: String(end['grpc-status'] ?? ''),
        // grpc-js says OK where we say nothing: both are nothing to a client.
        message: decodeURIComponent(String(end['grpc-message'] ?? '')).replace(/^OK$/, ''),
        // What comes behind the plus is the client's business.
        contentType: first['content-type']?.replace('+proto', ''),
        body: Buffer.concat(parts).toString('latin1'),
      });
    });
  });
}

/** What grpc-js answers, and what we answer. */
async function both(conversation: Conversation): Promise<readonly [Outcome, Outcome]> {
  const [reference, ours] = await Promise.all(
    sides.map(({ session }) => hold(present(session, 'a session'), conversation)),
  );
  return [present(reference, 'an outcome'), present(ours, 'an outcome')];
}

async function expectSame(conversation: Conversation): Promise<Outcome> {
  const [reference, ours] = await both(conversation);
  expect(ours).toEqual(reference);
  return ours;
}

/** Compressed with gzip, as gRPC frames it. */
function gzipMessage(message: Uint8Array): Buffer {
  const framed = grpcMessage(gzipSync(message));
  framed[0] = 1;
  return framed;
}

const message = fc.uint8Array({ maxLength: 30 });
const conversation = fc
  .record({
    path: fc.constantFrom(...Object.keys(METHODS)),
    first: message,
    others: fc.array(message, { maxLength: 3 }),
    metadata: fc.dictionary(
      fc.constantFrom('x-a', 'x-b', 'x-c'),
      fc.constantFrom('', 'value', 'a, b', 'x'.repeat(500)),
    ),
    isGzip: fc.boolean(),
    cuts: fc.array(fc.nat(100), { maxLength: 4 }),
  })
  .map(({ path, first, others, metadata, isGzip, cuts }): Conversation => {
    const messages = path === '/t.T/Talk' ? [first, ...others] : [first];
    const whole = Buffer.concat(messages.map((one) => (isGzip ? gzipMessage(one) : grpcMessage(one))));
    const ends = cuts.map((at) => at % (whole.length + 1)).sort((a, b) => a - b);
    const body = [...ends, whole.length].map((end, i) => whole.subarray(ends[i - 1] ?? 0, end));
    return { headers: { ':path': path, ...metadata, ...(isGzip ? { 'grpc-encoding': 'gzip' } : {}) }, body };
  });

test('conversations of all kinds go the same way', async () => {
  await fc.assert(
    fc.asyncProperty(conversation, async (one) => void (await expectSame(one))),
    { seed: 1, numRuns: 150 },
  );
});

test('errors of the table, and texts that need an encoding', async () => {
  const body = [grpcMessage(bytes('x'))];
  expect(await expectSame({ headers: { ':path': '/t.T/Refuse' }, body })).toMatchObject({
    grpc: '11',
    message: 'etcdserver: mvcc: required revision has been compacted',
  });
  const { message } = await expectSame({ headers: { ':path': '/t.T/Fail' }, body });
  expect(message).toContain('100% of it, «all»\n');
});

test('what is no gRPC is refused with the same status of HTTP', async () => {
  const headers = { ':path': '/t.T/Echo', 'content-type': 'application/json' };
  const [reference, ours] = await both({ headers, body: [] });
  expect([reference.http, ours.http]).toEqual([415, 415]);
});

test.each([
  ['a method that is not there', { ':path': '/t.T/Nothing' }, [grpcMessage(bytes('x'))]],
  ['a request too large', { ':path': '/t.T/Echo' }, [grpcMessage(Buffer.alloc(70_000))]],
])('%s: the same code, in words of our own', async (_, headers, body) => {
  const [reference, ours] = await both({ headers, body });
  expect(ours.grpc).toBe(reference.grpc);
  expect(ours.message).not.toBe('');
});

test.each([
  [
    'an encoding that is not there',
    { ':path': '/t.T/Echo', 'grpc-encoding': 'snappy' },
    grpcMessage(bytes('x')),
    Status.unimplemented,
  ],
  ['compressed, with no word of how', { ':path': '/t.T/Echo' }, gzipMessage(bytes('x')), Status.internal],
])("%s: refused as by gRPC's Go library, where grpc-js lets it pass", async (_, headers, message, code) => {
  const [, ours] = await both({ headers, body: [message] });
  expect(ours.grpc).toBe(String(code));
});
