import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ownerOf } from '../../../cluster/proxy/index.ts';
import { hexAddress, inodeOf } from '../../../cluster/proxy/socket-owner.ts';
import { present } from '../../../src/base/index.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0940 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5500 1 0 100 0 0 10 0
   1: 0100007F:A112 0B00007F:094C 01 00000000:00000000 00:00000000 00000000  1000        0 5511 1 0 20 4 30 10 -1
   2: 0100007F:A112 0100007F:094C 01 00000000:00000000 00:00000000 00000000  1000        0 5512 1 0 20 4 30 10 -1
   3: 0100007F:A113 0100007F:094C 06 00000000:00000000 00:00000000 00000000  1000        0 0 1 0 20 4 30 10 -1
`;

test('the row is found by both addresses', () => {
  const far = hexAddress('127.0.0.1', 2380);
  expect(far).toBe('0100007F:094C');
  expect(hexAddress('::ffff:127.0.0.11', 2380)).toBe('0B00007F:094C');
  expect(inodeOf(TABLE, hexAddress('127.0.0.1', 41234), far)).toBe('5512');
  expect(inodeOf(TABLE, hexAddress('127.0.0.1', 41234), hexAddress('127.0.0.11', 2380))).toBe('5511');
  expect(inodeOf(TABLE, far, hexAddress('127.0.0.1', 41234))).toBeUndefined();
});

test('a row that nobody holds any more says nothing', () => {
  expect(inodeOf(TABLE, hexAddress('127.0.0.1', 41235), hexAddress('127.0.0.1', 2380))).toBeUndefined();
});

test('the process that opened a connection is told from another', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const script = `require('node:net').connect(${port}, '127.0.0.1').on('error', () => {}).resume()`;
  const accepted = once(server, 'connection');
  const caller = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  onTestFinished(() => void caller.kill('SIGKILL'));
  const [socket] = (await accepted) as [Socket];
  onTestFinished(() => void socket.destroy());
  const callerPid = present(caller.pid, 'the pid of the caller');
  expect(await ownerOf(socket, [process.pid, callerPid])).toBe(callerPid);
  expect(await ownerOf(socket, [process.pid])).toBeUndefined();
});
