import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ErrorCode, RequestError, SimulatedClock, Status } from '../../src/base/index.ts';
import { joined, ProtocolError } from '../../src/codec/index.ts';
import { grpc, mvccpb, etcdserverpb as pb } from '../../src/gen/etcd.js';
import type { RangeOperation, RangeResult } from '../../src/mvcc/index.ts';
import type { Outcome } from '../../src/node/index.ts';
import { METHOD_TABLE, receiveBytesMax, ServingState, services } from '../../src/rpc/index.ts';
import { WatchableStore } from '../../src/watch/index.ts';
import type { CallContext, CallStatus, Message, Methods, SendStream } from '../../src/wire/index.ts';
import { FakeMember } from '../support/fake-member.ts';
import { signal } from '../support/signal.ts';
import { testAuth } from '../support/test-auth.ts';
import { FakeHistory } from '../watch/fake-history.ts';

const KV = '/etcdserverpb.KV/';
const MAINTENANCE = '/etcdserverpb.Maintenance/';
const HEADER = {
  cluster_id: String(0xcdf8_1859_4e17_8b21n),
  member_id: String(0x8e9e_05c5_2164_694dn),
  revision: '7',
  raft_term: '3',
};

interface Setup {
  readonly member: FakeMember;
  readonly methods: Methods;
  readonly serving: ServingState;
}

function setup(): Setup {
  const member = new FakeMember();
  const serving = new ServingState(true);
  const methods = services({
    member,
    clock: new SimulatedClock(),
    electionMs: 1000,
    requestBytesMax: 1000,
    txnOpsMax: 4,
    serving,
    watch: { kind: 'duplex', handler: () => {} },
    ...testAuth(member),
    watchable: new WatchableStore(new FakeHistory(), new SimulatedClock()),
  });
  return { member, methods, serving };
}

function call(metadata: Record<string, string> = {}): CallContext & { cancel(): void } {
  const listeners: (() => void)[] = [];
  let cancelled = false;
  return {
    method: '/',
    metadata: new Map(Object.entries(metadata)),
    peer: '127.0.0.1:1',
    commonName: undefined,
    get cancelled() {
      return cancelled;
    },
    onCancelled: (listener) => void listeners.push(listener),
    onEnded: () => undefined,
    cancel() {
      cancelled = true;
      for (const listener of listeners) listener();
    },
  };
}

interface MessageClass {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): { toJSON(): unknown };
}

/** Calls a unary method and gives its answer as JSON. */
async function ask(
  { methods }: Setup,
  name: string,
  [requestClass, responseClass]: readonly [MessageClass, MessageClass],
  request: object,
  context: CallContext = call(),
): Promise<unknown> {
  const method = methods.get(name);
  if (method?.kind !== 'unary') throw new Error(`${name} is not unary`);
  // A handler may throw or reject: for the caller it is one.
  const answer = await (async () => method.handler(requestClass.encode(request).finish(), context))();
  return responseClass.decode(joined(answer)).toJSON();
}

const RANGE = [pb.RangeRequest, pb.RangeResponse] as const;
const PUT = [pb.PutRequest, pb.PutResponse] as const;
const DELETE = [pb.DeleteRangeRequest, pb.DeleteRangeResponse] as const;
const TXN = [pb.TxnRequest, pb.TxnResponse] as const;
const COMPACT = [pb.CompactionRequest, pb.CompactionResponse] as const;
const ALARM = [pb.AlarmRequest, pb.AlarmResponse] as const;

const key = Buffer.from('k');
const pair = (name: string): Uint8Array => mvccpb.KeyValue.encode({ key: Buffer.from(name) }).finish();
const refused = (code: ErrorCode): RequestError => new RequestError(code);
const applied =
  (result: (Outcome & { ok: true })['result']): (() => Promise<Outcome>) =>
  async () => ({ ok: true, result });

test('a range waits for the read index, a serializable one does not', async () => {
  const it = setup();
  expect(await ask(it, `${KV}Range`, RANGE, { key })).toEqual({ header: HEADER });
  expect(it.member.asked).toEqual(['readIndex', 'range']);
  await ask(it, `${KV}Range`, RANGE, { key, serializable: true });
  expect(it.member.asked).toEqual(['readIndex', 'range', 'range']);
});

test('a range is not read where the read index fails', async () => {
  const it = setup();
  it.member.read = () => Promise.reject(refused('timeout'));
  await expect(ask(it, `${KV}Range`, RANGE, { key })).rejects.toThrow(refused('timeout'));
  expect(it.member.asked).toEqual(['readIndex']);
});

test('the header has the revision that the range found', async () => {
  const it = setup();
  it.member.ranges = async () => ({ kind: 'range', kvs: [pair('k')], more: true, count: 9, revision: 5 });
  expect(await ask(it, `${KV}Range`, RANGE, { key })).toEqual({
    header: { ...HEADER, revision: '5' },
    kvs: [{ key: 'aw==' }],
    more: true,
    count: '9',
  });
});

test('an answer too large for one step is the same', async () => {
  const it = setup();
  const kvs = Array.from({ length: 12_001 }, (_, i) => pair(`key ${i}`));
  it.member.ranges = async () => ({ kind: 'range', kvs, more: false, count: kvs.length, revision: 7 });
  const answer = (await ask(it, `${KV}Range`, RANGE, { key })) as { kvs: { key: string }[] };
  expect(answer.kvs.map((kv) => Buffer.from(kv.key, 'base64').toString())).toEqual(kvs.map((_, i) => `key ${i}`));
});

test('a write goes into the log as the bytes that came', async () => {
  const it = setup();
  it.member.outcome = applied({ kind: 'put', prevKv: pair('k'), revision: 8 });
  const request = { key, value: Buffer.from('v'), prev_kv: true };
  expect(await ask(it, `${KV}Put`, PUT, request)).toEqual({
    header: { ...HEADER, revision: '8' },
    prev_kv: { key: 'aw==' },
  });
  const [proposal] = it.member.proposals;
  expect(proposal?.kind).toBe('put');
  expect(Buffer.from(proposal?.request ?? []).equals(pb.PutRequest.encode(request).finish())).toBe(true);
});

test('deletes, transactions and compactions answer with what applying them came to', async () => {
  const it = setup();
  it.member.outcome = applied({ kind: 'deleteRange', deleted: 2, prevKvs: [pair('a'), pair('b')], revision: 9 });
  expect(await ask(it, `${KV}DeleteRange`, DELETE, { key })).toEqual({
    header: { ...HEADER, revision: '9' },
    deleted: '2',
    prev_kvs: [{ key: 'YQ==' }, { key: 'Yg==' }],
  });
  const inner = { kind: 'put' as const, prevKv: undefined, revision: 10 };
  it.member.outcome = applied({ kind: 'txn', succeeded: true, results: [inner], revision: 10 });
  expect(await ask(it, `${KV}Txn`, TXN, { success: [{ request_put: { key } }] })).toEqual({
    header: { ...HEADER, revision: '10' },
    succeeded: true,
    responses: [{ response_put: { header: { revision: '10' } } }],
  });
  it.member.outcome = applied({ kind: 'compaction', revision: 10, removed: new Promise(() => {}) });
  expect(await ask(it, `${KV}Compact`, COMPACT, { revision: 4 })).toEqual({ header: { ...HEADER, revision: '10' } });
  expect(it.member.asked).toEqual(['propose deleteRange', 'propose txn', 'propose compaction']);
});

test('a physical compaction waits until the old revisions are gone', async () => {
  const it = setup();
  const removed = signal();
  it.member.outcome = applied({ kind: 'compaction', revision: 7, removed: removed.promise });
  const heard: string[] = [];
  const answer = ask(it, `${KV}Compact`, COMPACT, { revision: 4, physical: true }).then(() => heard.push('answered'));
  await new Promise((resolve) => setImmediate(resolve));
  heard.push('removed');
  removed.resolve();
  await answer;
  expect(heard).toEqual(['removed', 'answered']);
});

test('what the machine refuses is refused', async () => {
  const it = setup();
  it.member.outcome = async () => ({ ok: false, error: 'leaseNotFound' });
  await expect(ask(it, `${KV}Put`, PUT, { key, lease: 9 })).rejects.toThrow(refused('leaseNotFound'));
});

test.each<[string, readonly [MessageClass, MessageClass], object, ErrorCode]>([
  ['Range', RANGE, {}, 'emptyKey'],
  ['Range', RANGE, { key, sort_order: 7 }, 'invalidSortOption'],
  ['Put', PUT, {}, 'emptyKey'],
  ['DeleteRange', DELETE, {}, 'emptyKey'],
  ['Txn', TXN, { success: [{}] }, 'keyNotFound'],
  ['Txn', TXN, { failure: Array.from({ length: 5 }, () => ({ request_range: { key } })) }, 'tooManyOps'],
  ['Put', PUT, { key, value: Buffer.alloc(1000) }, 'requestTooLarge'],
  ['Put', PUT, { value: Buffer.alloc(1000) }, 'emptyKey'],
  ['DeleteRange', DELETE, { key: Buffer.alloc(1000) }, 'requestTooLarge'],
  ['Txn', TXN, { success: [{ request_put: { key, value: Buffer.alloc(1000) } }] }, 'requestTooLarge'],
])('%s refuses bad requests before anybody is asked', async (name, classes, request, code) => {
  const it = setup();
  await expect(ask(it, KV + name, classes, request)).rejects.toThrow(refused(code));
  expect(it.member.asked).toEqual([]);
});

test('what is no message at all is a ProtocolError', async () => {
  const it = setup();
  const garbage: MessageClass = {
    encode: () => ({ finish: () => Uint8Array.of(0xff, 0xff) }),
    decode: () => ({ toJSON: () => undefined }),
  };
  const decoding = [
    'KV/Put',
    'KV/Txn',
    'Maintenance/HashKV',
    'Maintenance/Alarm',
    'Cluster/MemberList',
    'Cluster/MemberAdd',
  ];
  for (const name of decoding) {
    await expect(ask(it, `/etcdserverpb.${name}`, [garbage, garbage], {})).rejects.toBeInstanceOf(ProtocolError);
  }
  expect(it.member.asked).toEqual([]);
});

const serializable = { request_range: { key, serializable: true } };
const linearizable = { request_range: { key } };

test.each<[string, object, string[]]>([
  ['writes', { success: [linearizable, { request_put: { key } }] }, ['propose txn']],
  ['writes in one case', { failure: [{ request_delete_range: { key } }] }, ['propose txn']],
  ['writes within', { success: [{ request_txn: { failure: [{ request_put: { key } }] } }] }, ['propose txn']],
  ['reads', { success: [linearizable] }, ['readIndex', 'readTxn']],
  ['reads, one of them linearizably', { success: [serializable], failure: [linearizable] }, ['readIndex', 'readTxn']],
  ['reads within', { success: [serializable, { request_txn: { success: [linearizable] } }] }, ['readIndex', 'readTxn']],
  ['reads, all serializably', { success: [serializable], failure: [serializable] }, ['readTxn']],
  ['reads within, all serializably', { success: [{ request_txn: { success: [serializable] } }] }, ['readTxn']],
  ['only compares', { compare: [{ key }] }, ['readIndex', 'readTxn']],
])('a transaction that %s takes the right way', async (_, request, asked) => {
  const it = setup();
  it.member.outcome = applied({ kind: 'txn', succeeded: true, results: [], revision: 8 });
  await ask(it, `${KV}Txn`, TXN, request);
  expect(it.member.asked).toEqual(asked);
});

test('a call that wants a leader is refused while there is none', async () => {
  const it = setup();
  const wants = call({ hasleader: 'true' });
  await ask(it, `${KV}Range`, RANGE, { key }, wants);
  it.member.now = { ...it.member.now, leader: 0n };
  await expect(ask(it, `${KV}Range`, RANGE, { key }, wants)).rejects.toThrow(refused('noLeader'));
  await ask(it, `${KV}Range`, RANGE, { key, serializable: true });
});

// ---- RangeStream ----

interface Streamed {
  readonly messages: unknown[];
  readonly statuses: (CallStatus | undefined)[];
}

/** A stream that takes everything, `held` after each message if it is to hold the writer back. */
function recorder(streamed: Streamed, held: boolean): SendStream {
  let writable: (() => void) | undefined;
  return {
    write(message: Message) {
      streamed.messages.push(pb.RangeStreamResponse.decode(joined(message)).toJSON());
      if (held) setImmediate(() => writable?.());
      return !held;
    },
    onWritable: (listener) => {
      writable = listener;
    },
    end: (status) => void streamed.statuses.push(status),
  };
}

async function rangeStream(it: Setup, request: object, held = false, context = call()): Promise<Streamed> {
  const method = it.methods.get(`${KV}RangeStream`);
  if (method?.kind !== 'serverStream') throw new Error('RangeStream is not a stream');
  const streamed: Streamed = { messages: [], statuses: [] };
  await method.handler(pb.RangeRequest.encode(request).finish(), recorder(streamed, held), context);
  return streamed;
}

/** A store of `total` pairs, 'k000' on, each of about `size` bytes. */
function stock(it: Setup, total: number, size: number): RangeOperation[] {
  const seen: RangeOperation[] = [];
  const names = Array.from({ length: total }, (_, i) => `k${String(i).padStart(3, '0')}`);
  it.member.ranges = async (operation): Promise<RangeResult> => {
    seen.push(operation);
    const found = names.filter((name) => name >= operation.range.key);
    const taken = operation.limit === 0 ? found : found.slice(0, operation.limit);
    const kvs = taken.map((name) =>
      mvccpb.KeyValue.encode({ key: Buffer.from(name), value: Buffer.alloc(size) }).finish(),
    );
    return {
      kind: 'range',
      kvs,
      more: taken.length < found.length,
      count: found.length,
      revision: it.member.revision++,
    };
  };
  return seen;
}

const keysIn = (message: unknown): string[] => {
  const { range_response: response } = message as { range_response: { kvs?: { key: string }[] } };
  return (response.kvs ?? []).map((kv) => Buffer.from(kv.key, 'base64').toString());
};

test.each([false, true])(
  'a range in chunks is the whole range, at one revision (writer held back: %s)',
  async (held) => {
    const it = setup();
    const seen = stock(it, 100, 1);
    const { messages, statuses } = await rangeStream(it, { key: Buffer.from('k'), range_end: Buffer.from('\0') }, held);
    expect(messages.flatMap(keysIn)).toEqual(Array.from({ length: 100 }, (_, i) => `k${String(i).padStart(3, '0')}`));
    expect(messages.map((message) => keysIn(message).length)).toEqual([10, 20, 40, 30]);
    expect(statuses).toEqual([undefined]);
    expect(seen.map(({ revision }) => revision)).toEqual([0, 7, 7, 7]);
    const rests = messages.map((message) => ({ ...(message as { range_response: object }).range_response, kvs: null }));
    expect(rests).toEqual([
      { kvs: null },
      { kvs: null },
      { kvs: null },
      { kvs: null, header: { ...HEADER, revision: '7' }, count: '100' },
    ]);
  },
);

test('chunks shrink where pairs are large, and the limit is kept', async () => {
  const it = setup();
  stock(it, 100, 300);
  const { messages } = await rangeStream(it, { key: Buffer.from('k'), range_end: Buffer.from('\0'), limit: 19 });
  expect(messages.map((message) => keysIn(message).length)).toEqual([10, 5, 2, 2]);
  expect(messages.at(-1)).toMatchObject({ range_response: { more: true, count: '100' } });
});

test('an empty range and a mere count are one message', async () => {
  const it = setup();
  stock(it, 0, 1);
  expect((await rangeStream(it, { key })).messages).toEqual([{ range_response: { header: HEADER } }]);
});

test('nobody reads on for a client that is gone', async () => {
  const it = setup();
  const seen = stock(it, 1000, 300);
  const context = call();
  const method = it.methods.get(`${KV}RangeStream`);
  if (method?.kind !== 'serverStream') throw new Error('RangeStream is not a stream');
  const stream: SendStream = {
    write() {
      setImmediate(() => context.cancel());
      return false;
    },
    onWritable() {},
    end() {},
  };
  const request = pb.RangeRequest.encode({ key, range_end: Buffer.from('\0') }).finish();
  await method.handler(request, stream, context);
  expect(seen.length).toBe(1);
});

test.each([{ sort_order: 2 }, { sort_target: 1 }, { min_mod_revision: 3 }])(
  'a range in chunks cannot have %o',
  async (option) => {
    await expect(rangeStream(setup(), { key, ...option })).rejects.toThrow(
      expect.objectContaining({ status: Status.unimplemented }),
    );
  },
);

// ---- The others ----

test('Status tells all', async () => {
  const it = setup();
  it.member.now = {
    ...it.member.now,
    leader: 0n,
    isLearner: true,
    alarms: [{ memberId: 5n, type: 'nospace' }],
  };
  expect(await ask(it, `${MAINTENANCE}Status`, [pb.StatusRequest, pb.StatusResponse], {})).toEqual({
    header: HEADER,
    version: '3.7.1',
    dbSize: '1000',
    raftIndex: '11',
    raftTerm: '3',
    raftAppliedIndex: '10',
    errors: ['etcdserver: no leader', 'memberID:5 alarm:NOSPACE '],
    dbSizeInUse: '900',
    isLearner: true,
    storageVersion: '3.7.0',
    dbSizeQuota: '2147483648',
    downgradeInfo: {},
  });
});

test('HashKV, Hash and Defragment answer', async () => {
  const it = setup();
  const hashKv = [pb.HashKVRequest, pb.HashKVResponse] as const;
  expect(await ask(it, `${MAINTENANCE}HashKV`, hashKv, { revision: 6 })).toEqual({
    header: HEADER,
    hash: 42,
    compact_revision: '2',
    hash_revision: '7',
  });
  expect(it.member.asked).toEqual(['hashKv 6']);
  const hash = [pb.HashRequest, pb.HashResponse] as const;
  expect(await ask(it, `${MAINTENANCE}Hash`, hash, {})).toEqual({ header: HEADER, hash: 42 });
  const defragment = [pb.DefragmentRequest, pb.DefragmentResponse] as const;
  expect(await ask(it, `${MAINTENANCE}Defragment`, defragment, {})).toEqual({});
});

test('alarms go through the log', async () => {
  const it = setup();
  it.member.outcome = applied({ kind: 'alarm', alarms: [{ memberId: 5n, type: 'corrupt' }], revision: 7 });
  expect(await ask(it, `${MAINTENANCE}Alarm`, ALARM, {})).toEqual({
    header: HEADER,
    alarms: [{ memberID: '5', alarm: 'CORRUPT' }],
  });
  expect(it.member.asked).toEqual(['propose alarm']);
});

test('MemberList lists the members, linearizably if asked', async () => {
  const it = setup();
  const memberList = [pb.MemberListRequest, pb.MemberListResponse] as const;
  const { revision: _, ...header } = HEADER;
  expect(await ask(it, '/etcdserverpb.Cluster/MemberList', memberList, { linearizable: true })).toMatchObject({
    header,
    members: [
      {
        ID: HEADER.member_id,
        name: 'default',
        peerURLs: ['http://127.0.0.1:2380'],
        clientURLs: ['http://127.0.0.1:2379'],
      },
    ],
  });
  await ask(it, '/etcdserverpb.Cluster/MemberList', memberList, {});
  expect(it.member.asked).toEqual(['readIndex']);
});

const CLUSTER = '/etcdserverpb.Cluster/Member';
const BIG_ID = '16045690984833335023';

test('changes of membership are asked of the member, and answered with all members', async () => {
  const it = setup();
  const peerURLs = ['http://10.0.0.4:2380'];
  const add = [pb.MemberAddRequest, pb.MemberAddResponse] as const;
  const added = await ask(it, `${CLUSTER}Add`, add, { peerURLs, isLearner: true });
  expect(added).toMatchObject({ member: { ID: '9', peerURLs, isLearner: true }, members: [{ name: 'default' }] });
  await ask(it, `${CLUSTER}Remove`, [pb.MemberRemoveRequest, pb.MemberRemoveResponse], { ID: BIG_ID });
  await ask(it, `${CLUSTER}Promote`, [pb.MemberPromoteRequest, pb.MemberPromoteResponse], { ID: '9' });
  await ask(it, `${CLUSTER}Update`, [pb.MemberUpdateRequest, pb.MemberUpdateResponse], { ID: '9', peerURLs });
  await ask(it, `${MAINTENANCE}MoveLeader`, [pb.MoveLeaderRequest, pb.MoveLeaderResponse], { targetID: BIG_ID });
  expect(it.member.asked).toEqual([
    'add http://10.0.0.4:2380 learner',
    `remove ${BIG_ID}`,
    'promote 9',
    'update 9 http://10.0.0.4:2380',
    `move leader ${BIG_ID}`,
  ]);
});

test.each([[[]], [['nothing']], [['http://host']], [['http://host:1/path']], [['ftp://host:1']], [['http://a:1', '']]])(
  'peer URLs that are none are refused: %j',
  async (peerURLs) => {
    const it = setup();
    const add = [pb.MemberAddRequest, pb.MemberAddResponse] as const;
    await expect(ask(it, `${CLUSTER}Add`, add, { peerURLs })).rejects.toThrow(refused('badMemberUrls'));
    expect(it.member.asked).toEqual([]);
  },
);

test('what a change is refused for is what the client hears', async () => {
  const it = setup();
  it.member.change = () => Promise.reject(new RequestError('memberNotFound'));
  const remove = [pb.MemberRemoveRequest, pb.MemberRemoveResponse] as const;
  await expect(ask(it, `${CLUSTER}Remove`, remove, { ID: 1 })).rejects.toThrow(refused('memberNotFound'));
});

test('a learner serves serializable ranges and its status, and nothing else', async () => {
  const it = setup();
  it.member.now = { ...it.member.now, isLearner: true };
  await ask(it, `${KV}Range`, RANGE, { key, serializable: true });
  await expect(ask(it, `${KV}Range`, RANGE, { key })).rejects.toThrow(refused('notSupportedForLearner'));
  await expect(ask(it, `${KV}Put`, PUT, { key })).rejects.toThrow(refused('notSupportedForLearner'));
  await ask(it, `${MAINTENANCE}Status`, [pb.StatusRequest, pb.StatusResponse], {});
  expect(it.member.asked).toEqual(['range']);
});

// ---- Health ----

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;
const HEALTH = [HealthCheckRequest, HealthCheckResponse] as const;

test('Check knows the server as a whole and nothing else', async () => {
  const it = setup();
  const check = '/grpc.health.v1.Health/Check';
  expect(await ask(it, check, HEALTH, {})).toEqual({ status: 'SERVING' });
  it.serving.set(false);
  expect(await ask(it, check, HEALTH, {})).toEqual({ status: 'NOT_SERVING' });
  await expect(ask(it, check, HEALTH, { service: 'x' })).rejects.toMatchObject({
    status: Status.notFound,
    message: 'unknown service',
  });
});

function watchHealth(
  it: Setup,
  service: string,
  writable: () => boolean,
  context = call(),
): { statuses: string[]; wake(): void } {
  const method = it.methods.get('/grpc.health.v1.Health/Watch');
  if (method?.kind !== 'serverStream') throw new Error('Watch is not a stream');
  const statuses: string[] = [];
  let wake: (() => void) | undefined;
  const stream: SendStream = {
    write(message) {
      statuses.push((HealthCheckResponse.decode(joined(message)).toJSON() as { status: string }).status);
      return writable();
    },
    onWritable: (listener) => {
      wake = listener;
    },
    end: () => {},
  };
  void method.handler(HealthCheckRequest.encode({ service }).finish(), stream, context);
  return { statuses, wake: () => wake?.() };
}

test('Watch tells of every change until the client is gone', () => {
  const it = setup();
  const context = call();
  const { statuses } = watchHealth(it, '', () => true, context);
  it.serving.set(false);
  it.serving.set(false);
  it.serving.set(true);
  context.cancel();
  it.serving.set(false);
  expect(statuses).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
});

test('a client that does not read hears the newest in the end', () => {
  const it = setup();
  const watch = watchHealth(it, '', () => false);
  const { statuses } = watch;
  it.serving.set(false);
  it.serving.set(true);
  it.serving.set(false);
  expect(statuses).toEqual(['SERVING']);
  watch.wake();
  expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
});

test('Watch of a service that is not there says so and waits', () => {
  const it = setup();
  const { statuses } = watchHealth(it, 'x', () => true);
  it.serving.set(false);
  expect(statuses).toEqual(['SERVICE_UNKNOWN']);
});

// ---- The table ----

/** The methods of proto/ but for our own between members, by full name. */
function protoMethods(): Map<string, string> {
  const methods = new Map<string, string>();
  for (const file of readdirSync('proto')) {
    const text = readFileSync(`proto/${file}`, 'utf8');
    const proto = /^package ([\w.]+);/m.exec(text)?.[1] ?? '';
    if (proto === 'watchraftpb') continue;
    for (const [, service, body] of text.matchAll(/^service (\w+) \{(.*?)^\}/gms)) {
      for (const [, name, up, down] of (body ?? '').matchAll(/rpc (\w+)\((stream )?\w+\) returns \((stream )?\w+\)/g)) {
        methods.set(`/${proto}.${service}/${name}`, up ? 'duplex' : down ? 'serverStream' : 'unary');
      }
    }
  }
  return methods;
}

test('the table is what the protocol files say', () => {
  const table = new Map([...METHOD_TABLE].map(([name, { kind }]) => [name, kind]));
  expect(Object.fromEntries(table)).toEqual(Object.fromEntries(protoMethods()));
});

test('what is served: all but the way to another version', () => {
  const all = [...METHOD_TABLE.keys()].filter((name) => name !== `${MAINTENANCE}Downgrade`);
  expect([...setup().methods.keys()].sort()).toEqual(all.sort());
});

test('the server takes what etcd takes', () => {
  expect(receiveBytesMax(1.5 * 1024 * 1024)).toBe(2 * 1024 * 1024);
});
