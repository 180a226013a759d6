/**
 * How a second shell speaks to the runner: a Unix socket in the cluster's directory, there as long as the runner is.
 *
 *     -> ["cut","n1","n2"]\n          <- {"ok":true,"text":"n1 and n2 do not reach each other"}\n
 */

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join, relative } from 'node:path';

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
}

const SOCKET_FILE = 'control.sock';
/** What the kernel takes as the path of a socket, with its end. */
const PATH_BYTES_MAX = 107;
const REQUEST_CHARACTERS_MAX = 4096;

/** Nobody listens: no runner is at work in that directory. */
export class NoRunnerError extends Error {
  override readonly name = 'NoRunnerError';
}

/** Answers commands until it is closed. Rejects if a runner is at work in that directory already. */
export async function serveControl(
  directory: string,
  handle: (words: readonly string[]) => Promise<string>,
): Promise<Server> {
  const path = socketPath(directory);
  if (await isServed(path)) throw new Error(`a cluster runs in ${directory} already: npm run cluster -- status`);
  // One that a runner left when it was killed.
  await rm(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => void converse(socket, handle));
  server.listen(path);
  await once(server, 'listening');
  return server;
}

/** Sends a command to the runner and resolves to its answer. */
export async function callControl(directory: string, words: readonly string[]): Promise<Answer> {
  const socket = connect({ path: socketPath(directory) });
  try {
    await once(socket, 'connect');
  } catch (error) {
    throw new NoRunnerError(`no cluster runs in ${directory}: start one with npm run cluster`, { cause: error });
  }
  socket.end(`${JSON.stringify(words)}\n`);
  socket.setEncoding('utf8');
  let text = '';
  for await (const part of socket) text += String(part);
  if (text === '') throw new Error('the runner ended before it answered');
  return JSON.parse(text) as Answer;
}

async function converse(socket: Socket, handle: (words: readonly string[]) => Promise<string>): Promise<void> {
  socket.on('error', () => {});
  socket.setEncoding('utf8');
  let request = '';
  socket.on('data', (part: string) => {
    request += part;
    if (request.length > REQUEST_CHARACTERS_MAX) socket.destroy();
  });
  await new Promise((resolve) => void socket.on('end', resolve).on('close', resolve));
  if (socket.destroyed) return;
  const answer = await answerTo(request, handle);
  if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
}

async function answerTo(request: string, handle: (words: readonly string[]) => Promise<string>): Promise<Answer> {
  try {
    const words: unknown = JSON.parse(request);
    if (!Array.isArray(words)) throw new TypeError('a list of words is wanted');
    return { ok: true, text: await handle(words.map(String)) };
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}

/** The shorter of the two ways to name it: a socket's path must not be long. */
function socketPath(directory: string): string {
  const whole = join(directory, SOCKET_FILE);
  const near = relative(process.cwd(), whole);
  const path = near.length < whole.length ? near : whole;
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new Error(`${directory} is too long a path: use another --data-dir`);
  return path;
}

async function isServed(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
