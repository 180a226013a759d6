"""Google's gRPC for Python (Debian's python3-grpcio), as a client of one node.

    grpcio.py ENDPOINT DESCRIPTORS [CA CERT KEY]

DESCRIPTORS is our proto/ as a FileDescriptorSet: the messages are built and read by Google's protobuf, not by ours.
Says `ok NAME` for each thing that holds, and ends with 1 at the first that does not.
"""

import queue
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PATIENCE_S = 30


def load(path):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    for file in files.file:
        pool.Add(file)
    return pool, message_factory.MessageFactory(pool)


class Stubs:
    """Each method of each service, by 'package.Service/Method'."""

    def __init__(self, channel, pool, factory):
        self.channel, self.pool, self.factory = channel, pool, factory

    def message(self, name, **fields):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))(**fields)

    def __call__(self, method):
        service, name = method.split("/")
        described = self.pool.FindServiceByName(service).FindMethodByName(name)
        proto = descriptor_pb2.MethodDescriptorProto()
        described.CopyToProto(proto)
        kind = "_".join("stream" if streams else "unary" for streams in (proto.client_streaming, proto.server_streaming))
        answer = self.factory.GetPrototype(described.output_type)
        return getattr(self.channel, kind)(
            "/" + method, request_serializer=lambda request: request.SerializeToString(), response_deserializer=answer.FromString
        )

    def call(self, method, fields, **options):
        service, name = method.split("/")
        described = self.pool.FindServiceByName(service).FindMethodByName(name)
        request = self.factory.GetPrototype(described.input_type)(**fields)
        return self(method)(request, timeout=options.pop("timeout", PATIENCE_S), **options)


class Conversation:
    """A call with a stream each way."""

    def __init__(self, stub, **options):
        self.requests = queue.Queue()
        self.call = stub(iter(self.requests.get, None), timeout=options.pop("timeout", PATIENCE_S), **options)

    def say(self, request):
        self.requests.put(request)

    def hear(self):
        return next(self.call)

    def end(self):
        self.requests.put(None)


def refusal(action):
    try:
        action()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return None


def expect(seen, wanted):
    if seen != wanted:
        raise AssertionError("%.500r, not %.500r" % (seen, wanted))


KV, WATCH, LEASE = "etcdserverpb.KV/", "etcdserverpb.Watch/Watch", "etcdserverpb.Lease/"
NOT_GIVEN = (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")


def calls(stubs):
    stubs.call(KV + "Put", {"key": b"p/a", "value": b"\x00\xff"})
    answer = stubs.call(KV + "Range", {"key": b"p/", "range_end": b"p0"})
    expect([(kv.key, kv.value, kv.version) for kv in answer.kvs], [(b"p/a", b"\x00\xff", 1)])
    put = {"request_put": {"key": b"p/b", "value": b"2"}}
    answer = stubs.call(KV + "Txn", {"compare": [{"key": b"p/a", "target": 0, "version": 1}], "success": [put]})
    expect((answer.succeeded, len(answer.responses)), (True, 1))
    futures = [stubs(KV + "Put").future(stubs.message("etcdserverpb.PutRequest", key=b"q/%d" % i)) for i in range(500)]
    revisions = [future.result(PATIENCE_S).header.revision for future in futures]
    expect(len(set(revisions)), 500)
    expect(stubs.call(KV + "DeleteRange", {"key": b"q/", "range_end": b"q0"}).deleted, 500)


def health(stubs):
    expect(stubs.call("grpc.health.v1.Health/Check", {"service": ""}).status, 1)


def errors(stubs):
    expect(refusal(lambda: stubs.call(KV + "Put", {"key": b""})), NOT_GIVEN)
    future = refusal(lambda: stubs.call(KV + "Range", {"key": b"p", "revision": 1 << 40}))
    expect(future, (grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"))
    unknown = stubs.channel.unary_unary("/etcdserverpb.KV/Grüße", None, None)
    expect(refusal(lambda: unknown(b"", timeout=PATIENCE_S))[0], grpc.StatusCode.UNIMPLEMENTED)
    garbage = stubs.channel.unary_unary("/etcdserverpb.KV/Put", None, None)
    expect(refusal(lambda: garbage(b"\xff\xff\xff", timeout=PATIENCE_S))[0], grpc.StatusCode.INTERNAL)
    too_large = {"key": b"p", "value": bytes(1_700_000)}
    expect(refusal(lambda: stubs.call(KV + "Put", too_large)), (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large"))
    far_too_large = {"key": b"p", "value": bytes(5_000_000)}
    expect(refusal(lambda: stubs.call(KV + "Put", far_too_large))[0], grpc.StatusCode.RESOURCE_EXHAUSTED)


def metadata(stubs):
    sent = (("x-text", "one"), ("x-raw-bin", bytes(range(256))), ("x-long", "l" * 3000))
    stubs.call(KV + "Range", {"key": b"p/a"}, metadata=sent)
    refused = refusal(lambda: stubs.call(KV + "Range", {"key": b"p/a"}, metadata=(("x-long", "l" * 1_000_000),)))
    if refused is None:
        raise AssertionError("a megabyte of metadata was taken")
    stubs.call(KV + "Range", {"key": b"p/a"})


def watches(stubs):
    watch = Conversation(stubs(WATCH))
    ask = lambda **fields: watch.say(stubs.message("etcdserverpb.WatchRequest", **fields))
    ask(create_request={"key": b"w/", "range_end": b"w0", "prev_kv": True})
    expect((watch.hear().created), True)
    for i in range(300):
        stubs.call(KV + "Put", {"key": b"w/%d" % (i % 3), "value": b"%d" % i})
    values = []
    while len(values) < 300:
        values += [event.kv.value for event in watch.hear().events]
    expect(values, [b"%d" % i for i in range(300)])
    ask(progress_request={})
    expect(watch.hear().watch_id, -1)
    ask(cancel_request={"watch_id": 0})
    expect(watch.hear().canceled, True)
    ask(create_request={"key": b"w/0", "start_revision": 1})
    expect(watch.hear().created, True)
    history = []
    while len(history) < 100:
        history += [event.kv.value for event in watch.hear().events]
    expect(history, [b"%d" % i for i in range(0, 300, 3)])
    watch.end()
    expect(list(watch.call), [])
    expect(watch.call.code(), grpc.StatusCode.OK)


def cancellation(stubs):
    watch = Conversation(stubs(WATCH))
    watch.say(stubs.message("etcdserverpb.WatchRequest", create_request={"key": b"c"}))
    expect(watch.hear().created, True)
    watch.call.cancel()
    expect(refusal(watch.hear)[0], grpc.StatusCode.CANCELLED)
    stubs.call(KV + "Put", {"key": b"c"})


def deadlines(stubs):
    watch = Conversation(stubs(WATCH), timeout=0.5)
    watch.say(stubs.message("etcdserverpb.WatchRequest", create_request={"key": b"d"}))
    expect(refusal(lambda: list(watch.call))[0], grpc.StatusCode.DEADLINE_EXCEEDED)
    lease = stubs.call(LEASE + "LeaseGrant", {"TTL": 600}).ID
    other = stubs.call(LEASE + "LeaseGrant", {"TTL": 600}).ID
    held = stubs.call("v3lockpb.Lock/Lock", {"name": b"lock", "lease": lease}).key
    waiting = refusal(lambda: stubs.call("v3lockpb.Lock/Lock", {"name": b"lock", "lease": other}, timeout=0.5))
    expect(waiting[0], grpc.StatusCode.DEADLINE_EXCEEDED)
    stubs.call("v3lockpb.Lock/Unlock", {"key": held})
    stubs.call("v3lockpb.Lock/Lock", {"name": b"lock", "lease": other})


def leases(stubs):
    ids = [stubs.call(LEASE + "LeaseGrant", {"TTL": 100}).ID for _ in range(3)]
    alive = Conversation(stubs(LEASE + "LeaseKeepAlive"))
    for _ in range(10):
        for lease in ids:
            alive.say(stubs.message("etcdserverpb.LeaseKeepAliveRequest", ID=lease))
    expect(sorted(alive.hear().ID for _ in range(30)), sorted(ids * 10))
    stubs.call(LEASE + "LeaseRevoke", {"ID": ids[0]})
    alive.say(stubs.message("etcdserverpb.LeaseKeepAliveRequest", ID=ids[0]))
    expect(alive.hear().TTL, 0)
    alive.end()
    expect(list(alive.call), [])


def big_answers(stubs):
    for i in range(24):
        stubs.call(KV + "Put", {"key": b"big/%02d" % i, "value": bytes([i]) * 1_000_000})
    threads, sizes = [], []
    read = lambda: sizes.append(sum(len(kv.value) for kv in stubs.call(KV + "Range", {"key": b"big/", "range_end": b"big0"}).kvs))
    for _ in range(4):
        threads.append(threading.Thread(target=read))
        threads[-1].start()
    for thread in threads:
        thread.join(PATIENCE_S)
    expect(sizes, [24_000_000] * 4)
    parts = list(stubs.call(KV + "RangeStream", {"key": b"big/", "range_end": b"big0"}))
    expect(sum(len(part.range_response.kvs) for part in parts), 24)
    expect(parts[-1].range_response.count, 24)
    # Given up half-way.
    begun = stubs.call(KV + "RangeStream", {"key": b"big/", "range_end": b"big0"})
    next(begun)
    begun.cancel()
    stubs.call(KV + "DeleteRange", {"key": b"big/", "range_end": b"big0"})


def compression(stubs):
    value = b"compressible " * 50_000
    stubs.call(KV + "Put", {"key": b"z", "value": value}, compression=grpc.Compression.Gzip)
    expect(stubs.call(KV + "Range", {"key": b"z"}, compression=grpc.Compression.Gzip).kvs[0].value, value)
    watch = Conversation(stubs(WATCH), compression=grpc.Compression.Gzip)
    watch.say(stubs.message("etcdserverpb.WatchRequest", create_request={"key": b"z"}))
    expect(watch.hear().created, True)
    watch.call.cancel()
    # A little that becomes much is refused as what it becomes.
    bomb = refusal(lambda: stubs.call(KV + "Put", {"key": b"z", "value": bytes(50_000_000)}, compression=grpc.Compression.Gzip))
    expect(bomb[0], grpc.StatusCode.RESOURCE_EXHAUSTED)
    deflated = refusal(lambda: stubs.call(KV + "Put", {"key": b"z", "value": value}, compression=grpc.Compression.Deflate))
    expect(deflated[0], grpc.StatusCode.UNIMPLEMENTED)


def main(endpoint, descriptors, *tls):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.max_metadata_size", 1 << 24)]
    if tls:
        ca, cert, key = (open(path, "rb").read() for path in tls)
        channel = grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(ca, key, cert), options)
    else:
        channel = grpc.insecure_channel(endpoint, options)
    stubs = Stubs(channel, *load(descriptors))
    for part in (calls, health, errors, metadata, watches, cancellation, deadlines, leases, big_answers, compression):
        part(stubs)
        print("ok", part.__name__, flush=True)
    channel.close()


main(*sys.argv[1:])
