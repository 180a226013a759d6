/** Real clients of other makes, where they are installed: what they ask is answered as they expect. */

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { NativeServer } from '../../../src/wire/index.ts';
import { grpcMessage } from '../../bench/http2-frame.ts';
import { makeTemporaryDirectory, removeDirectory } from '../../support/temporary-directory.ts';
import { hasTools } from '../../support/tools.ts';
import { bytes, echo, METHOD, WireFixture } from '../../support/wire-fixture.ts';

const run = promisify(execFile);
const fixture = new WireFixture((options) => new NativeServer(options));

afterEach(() => fixture.end());

/** Serves, and gives the URL of the echo and a file with a request. */
async function serveEcho(): Promise<{ readonly url: string; readonly body: string; readonly directory: string }> {
  const { port } = await fixture.serve({ [METHOD]: echo });
  const directory = await makeTemporaryDirectory();
  fixture.atEnd(() => removeDirectory(directory));
  const body = join(directory, 'request');
  await writeFile(body, grpcMessage(bytes('hello')));
  return { url: `http://127.0.0.1:${port}${METHOD}`, body, directory };
}

const HEADERS = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];

test.skipIf(!hasTools('curl'))('curl, with prior knowledge of HTTP/2', async () => {
  const { url, body } = await serveEcho();
  const args = ['-sS', '-i', '--http2-prior-knowledge', ...HEADERS, '--data-binary', `@${body}`, url];
  const { stdout } = await run('curl', args, { encoding: 'latin1' });
  expect(stdout).toMatch(/^HTTP\/2 200/);
  expect(stdout).toContain('\0\0\0\0\u0005hello');
  expect(stdout).toMatch(/grpc-status: 0/);
});

test.skipIf(!hasTools('h2load'))('h2load: many connections with many calls each', async () => {
  const { url, body } = await serveEcho();
  const { stdout } = await run('h2load', ['-n', '2000', '-c', '10', '-m', '100', '-d', body, ...HEADERS, url]);
  expect(stdout).toContain('2000 done, 2000 succeeded, 0 failed, 0 errored');
});
