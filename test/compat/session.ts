/**
 * One side of a comparison: carries out the steps of a transcript against a server and says what came back, in a form that
 * can be compared: fields by the protocol's names, bytes as text, what must differ between two servers left out.
 */

import { createHash } from 'node:crypto';
import { type Bytes, present } from '../../src/base/index.ts';
import { type Client, ClientError, connect, type RawStream, type StreamStatus } from '../../src/client/index.ts';
import { etcdserverpb } from '../../src/gen/etcd.js';
import type { Fields, FieldValue, Method, Step, Until } from './exchange.ts';

/** A message as text and numbers. */
export interface Answer {
  readonly [field: string]: AnswerValue;
}
export type AnswerValue = string | number | boolean | Answer | readonly AnswerValue[];

export type Outcome =
  | { readonly answer: Answer }
  | { readonly error: { readonly code: number; readonly message: string } }
  | { readonly answers: readonly Answer[]; readonly ended?: StreamStatus; readonly timedOut?: true }
  | { readonly done: true };

/** The generated code of one message, as far as it is used here. */
interface Codec {
  fromObject(object: object): object;
  encode(message: object): { finish(): Bytes };
  decode(bytes: Bytes): object;
  toObject(message: object, options: object): object;
}

interface Call {
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

const codec = (type: unknown): Codec => type as Codec;

const rpc = (path: string, request: unknown, response: unknown): Call => ({
  path: `/etcdserverpb.${path}`,
  request: codec(request),
  response: codec(response),
});

const CALLS: Readonly<Record<Method, Call>> = {
  Range: rpc('KV/Range', etcdserverpb.RangeRequest, etcdserverpb.RangeResponse),
  Put: rpc('KV/Put', etcdserverpb.PutRequest, etcdserverpb.PutResponse),
  DeleteRange: rpc('KV/DeleteRange', etcdserverpb.DeleteRangeRequest, etcdserverpb.DeleteRangeResponse),
  Txn: rpc('KV/Txn', etcdserverpb.TxnRequest, etcdserverpb.TxnResponse),
  Compact: rpc('KV/Compact', etcdserverpb.CompactionRequest, etcdserverpb.CompactionResponse),
  HashKV: rpc('Maintenance/HashKV', etcdserverpb.HashKVRequest, etcdserverpb.HashKVResponse),
  Status: rpc('Maintenance/Status', etcdserverpb.StatusRequest, etcdserverpb.StatusResponse),
  MemberList: rpc('Cluster/MemberList', etcdserverpb.MemberListRequest, etcdserverpb.MemberListResponse),
};
const WATCH = rpc('Watch/Watch', etcdserverpb.WatchRequest, etcdserverpb.WatchResponse);

/** Fields of bytes, wherever they stand. */
const BYTES_FIELDS: ReadonlySet<string> = new Set(['key', 'range_end', 'value']);

/** Two servers never agree on these; that they are there at all is compared. */
const IDENTITY_FIELDS: ReadonlySet<string> = new Set(['cluster_id', 'member_id', 'raft_term']);

/** Longer bytes are shown by their length and hash. */
const BYTES_SHOWN_MAX = 200;

/** No answer takes this long on a machine that works; a transcript that waits in vain ends here. */
const READ_WITHIN_MS = 10_000;

interface OpenStream {
  readonly raw: RawStream;
  readonly received: Answer[];
  ended: StreamStatus | undefined;
  wake: (() => void) | undefined;
}

export class Session {
  readonly #client: Client;
  readonly #streams = new Map<string, OpenStream>();
  readonly #readWithinMs: number;

  constructor(endpoint: string, readWithinMs: number = READ_WITHIN_MS) {
    this.#client = connect({ endpoints: [endpoint], deadlineMs: 30_000 });
    this.#readWithinMs = readWithinMs;
  }

  run(step: Step): Promise<Outcome> {
    switch (step.kind) {
      case 'call':
        return this.#call(CALLS[step.method], step.request);
      case 'open':
        this.#open(step.stream);
        break;
      case 'send':
        this.#stream(step.stream).raw.send(encode(WATCH.request, step.request));
        break;
      case 'halfClose':
        this.#stream(step.stream).raw.halfClose();
        break;
      case 'read':
        return this.#read(this.#stream(step.stream), step.until);
      default:
        return step satisfies never;
    }
    return Promise.resolve({ done: true });
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.raw.cancel();
    this.#client.close();
  }

  async #call(call: Call, request: Fields): Promise<Outcome> {
    try {
      const response = await this.#client.raw(call.path, encode(call.request, request));
      return { answer: decode(call.response, response) };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return { error: { code: error.status, message: error.message } };
    }
  }

  #open(name: string): void {
    const received: Answer[] = [];
    const stream: OpenStream = {
      raw: this.#client.rawStream(WATCH.path, {
        onMessage: (message) => {
          received.push(decode(WATCH.response, message));
          stream.wake?.();
        },
        onEnd: (status) => {
          stream.ended = status;
          stream.wake?.();
        },
      }),
      received,
      ended: undefined,
      wake: undefined,
    };
    this.#streams.set(name, stream);
  }

  #stream(name: string): OpenStream {
    return present(this.#streams.get(name), `the stream ${name}`);
  }

  async #read(stream: OpenStream, until: Until): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<'tooLate'>((resolve) => {
      timer = setTimeout(() => resolve('tooLate'), this.#readWithinMs);
    });
    try {
      for (;;) {
        const count = enough(stream, until);
        if (count !== undefined || stream.ended !== undefined) {
          const answers = inOrder(stream.received.splice(0, count));
          return stream.ended === undefined ? { answers } : { answers, ended: stream.ended };
        }
        const woken = new Promise<void>((resolve) => {
          stream.wake = resolve;
        });
        if ((await Promise.race([woken, tooLate])) === 'tooLate') {
          return { answers: inOrder(stream.received.splice(0)), timedOut: true };
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** How many of the answers received satisfy `until`, if they do. */
function enough(stream: OpenStream, until: Until): number | undefined {
  if ('end' in until) return undefined;
  if ('answers' in until) return stream.received.length >= until.answers ? until.answers : undefined;
  if ('created' in until) {
    return countTo(stream.received, (answer) => answer['created'] === true && watchOf(answer) === until.created);
  }
  const counts = Object.entries(until.reached).map(([watch, revision]) =>
    countTo(
      stream.received,
      (answer) => watchOf(answer) === Number(watch) && lastRevision(answer) >= revision && answer['fragment'] !== true,
    ),
  );
  return counts.reduce(
    (most, count) => (most === undefined || count === undefined ? undefined : Math.max(most, count)),
    0,
  );
}

/** How many answers there are up to and with the first one that is meant. */
function countTo(answers: readonly Answer[], isMeant: (answer: Answer) => boolean): number | undefined {
  const at = answers.findIndex(isMeant);
  return at === -1 ? undefined : at + 1;
}

function watchOf(answer: Answer): number {
  return Number(answer['watch_id'] ?? 0);
}

function lastRevision(answer: Answer): number {
  const events = answer['events'] as readonly { readonly kv: { readonly mod_revision: number } }[] | undefined;
  return events?.at(-1)?.kv.mod_revision ?? 0;
}

/**
 * Answers of one watch stay in their order; those of different watches are put in order of their ids. etcd notifies the
 * watches of a key in the order of a hash map, and lets confirmations and events through one door at random.
 */
function inOrder(answers: Answer[]): Answer[] {
  return answers
    .map((answer, at) => ({ answer, at }))
    .sort((a, b) => watchOf(a.answer) - watchOf(b.answer) || a.at - b.at)
    .map(({ answer }) => answer);
}

function encode(codec: Codec, fields: Fields): Bytes {
  return codec.encode(codec.fromObject(withBytes(fields) as object)).finish();
}

function withBytes(value: FieldValue, name = ''): unknown {
  if (typeof value === 'string') return BYTES_FIELDS.has(name) ? Buffer.from(value, 'latin1') : value;
  if (Array.isArray(value)) return value.map((element: FieldValue) => withBytes(element));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, withBytes(inner, field)]));
}

function decode(codec: Codec, bytes: Bytes): Answer {
  return shown(codec.toObject(codec.decode(bytes), { longs: String, enums: String })) as Answer;
}

function shown(value: unknown, name = ''): AnswerValue {
  if (value instanceof Uint8Array) return shownBytes(value);
  if (Array.isArray(value)) return value.map((element) => shown(element));
  if (IDENTITY_FIELDS.has(name)) return 'some';
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, shown(inner, field)]));
  }
  // Numbers of 64 bits arrive as decimal text.
  if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value);
  return value as string | number | boolean;
}

function shownBytes(bytes: Uint8Array): string {
  if (bytes.length <= BYTES_SHOWN_MAX) return Buffer.from(bytes).toString('latin1');
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
}
