/** Programs that others have made, unchanged, against the native wire: plain, and in TLS. */

import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeClusterTls } from '../../cluster/certificates/index.ts';
import { ServerProcess } from '../../cluster/process/index.ts';
import { grpcMessage } from '../bench/http2-frame.ts';
import { runProgram, type Said } from '../support/run-program.ts';
import { DEBIANS_PYTHON, hasGrpcio, hasTools } from '../support/tools.ts';

const ENTRY = resolve(import.meta.dirname, '../../dist/cli/main.js');
const PROTO = resolve(import.meta.dirname, '../../proto');
const RANGE = '/etcdserverpb.KV/Range';
const AS_GRPC = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];

/** Our proto/, in the form in which Google's protobuf takes it. A file may use what those before it have. */
function descriptors(): Uint8Array {
  const root = new protobuf.Root();
  root.resolvePath = (_, file) => join(PROTO, file);
  root.loadSync(['rpc.proto', 'lock.proto', 'election.proto', 'health.proto'], { keepCase: true }).resolveAll();
  const set = root.toDescriptor('proto3');
  const order = ['authpb', 'mvccpb', 'etcdserverpb', 'v3lockpb', 'v3electionpb', 'grpc.health.v1'];
  const files = (set.file ?? []).toSorted((a, b) => order.indexOf(a.package ?? '') - order.indexOf(b.package ?? ''));
  const named = files.map((file, i) => ({ ...file, dependency: files.slice(0, i).map(({ name }) => name ?? '') }));
  return descriptor.FileDescriptorSet.encode({ file: named }).finish();
}

describe.each([
  { scheme: 'http', port: 24_660 },
  { scheme: 'https', port: 24_662 },
])('$scheme', ({ scheme, port }) => {
  let directory: string;
  let server: ServerProcess;
  const url = `${scheme}://127.0.0.1:${port}`;
  const isSecure = scheme === 'https';
  const file = (name: string): string => join(directory, name);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'watchraft-foreign-'));
    writeFileSync(file('range'), grpcMessage(Buffer.from('\n\x01k')));
    const tls = isSecure ? await makeClusterTls(directory, ['127.0.0.1']) : undefined;
    const certificate = [`--cert-file=${file('member.pem')}`, `--key-file=${file('member.key')}`];
    const peer = `http://127.0.0.1:${port + 1}`;
    const flags = [
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ];
    server = await ServerProcess.start({
      command: [process.execPath, ENTRY, ...flags, ...(isSecure ? certificate : [])],
      dataDir: file('data'),
      clientPort: port,
      ...(tls === undefined ? {} : { tls: { ca: tls.client.ca } }),
    });
  });

  afterAll(async () => {
    await server.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  test.skipIf(!hasGrpcio())("Google's gRPC for Python: every kind of call, and how each may end", async () => {
    writeFileSync(file('descriptors'), descriptors());
    const certificates = isSecure ? ['ca.pem', 'client.pem', 'client.key'].map(file) : [];
    const script = join(import.meta.dirname, 'grpcio.py');
    const said = await runProgram(DEBIANS_PYTHON, [script, server.endpoint, file('descriptors'), ...certificates]);
    expect(said).toEqual({ code: 0, stderr: '', stdout: SAID_BY_GRPCIO });
  });

  const curl = (...args: readonly string[]): Promise<Said> =>
    runProgram('curl', ['-sS', '--max-time', '20', ...(isSecure ? ['--cacert', file('ca.pem')] : []), ...args]);

  test.skipIf(!hasTools('curl'))('curl: gRPC and plain HTTP over HTTP/2, and HTTP/1', async () => {
    const version = ['-o', file('answer'), '-w', '%{http_version} %{http_code}'];
    // In TLS the two agree on HTTP/2 by themselves.
    const http2 = isSecure ? [] : ['--http2-prior-knowledge'];
    const call = await curl(...http2, '-i', ...AS_GRPC, '--data-binary', `@${file('range')}`, `${url}${RANGE}`);
    expect(call).toMatchObject({ code: 0, stderr: '' });
    expect(call.stdout).toMatch(/^HTTP\/2 200 \r\ncontent-type: application\/grpc\r\n[^]*grpc-status: 0\r\n/);
    expect((await curl(...http2, ...version, `${url}/health`)).stdout).toBe('2 200');
    expect((await curl(...http2, ...version, `${url}/nowhere`)).stdout).toBe('2 404');
    expect((await curl('--http1.1', ...version, `${url}/health`)).stdout).toBe('1.1 200');
    const metrics = await curl(...http2, `${url}/metrics`);
    expect(metrics.stdout).toContain('etcd_server_has_leader 1\n');
  });

  test.skipIf(!hasTools('h2load'))('h2load: calls and pages, many at once', async () => {
    const load = (path: string, ...args: readonly string[]): Promise<Said> =>
      runProgram('h2load', ['-n', '2000', '-c', '4', '-m', '50', ...args, `${url}${path}`]);
    const calls = await load(RANGE, ...AS_GRPC, '-d', file('range'));
    expect(calls.stdout).toContain('2000 succeeded, 0 failed, 0 errored, 0 timeout');
    const pages = await load('/health');
    expect(pages.stdout).toContain('2000 succeeded, 0 failed, 0 errored, 0 timeout');
    expect(pages.stdout).toContain(`Application protocol: ${isSecure ? 'h2' : 'h2c'}\n`);
  });

  test.skipIf(!hasTools('etcdctl'))('etcdctl: a lock, a lease, a large value', async () => {
    const etcdctl = (...args: readonly string[]): Promise<Said> =>
      runProgram('etcdctl', [`--endpoints=${url}`, ...(isSecure ? ['--cacert', file('ca.pem')] : []), ...args], {
        env: { ETCDCTL_API: '3' },
      });
    expect(await etcdctl('lock', 'l', 'echo', 'held')).toMatchObject({ code: 0, stdout: 'held\n' });
    const [, lease = ''] = /lease (\S+) granted/.exec((await etcdctl('lease', 'grant', '60')).stdout) ?? [];
    expect((await etcdctl('lease', 'keep-alive', '--once', lease)).stdout).toContain('keepalived with TTL(60)');
    const value = 'v'.repeat(100_000);
    expect((await etcdctl('put', '--lease', lease, 'large', value)).stdout).toBe('OK\n');
    expect((await etcdctl('get', 'large', '--print-value-only')).stdout).toBe(`${value}\n`);
  });
});

const SAID_BY_GRPCIO: string = [
  'calls',
  'health',
  'errors',
  'metadata',
  'watches',
  'cancellation',
  'deadlines',
  'leases',
  'big_answers',
  'compression',
]
  .map((part) => `ok ${part}\n`)
  .join('');
