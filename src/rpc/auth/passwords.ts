/**
 * Passwords as bcrypt hashes, the same as etcd's. To make or compare one takes tens of milliseconds of a processor, by design; so it is done by a thread
 * of its own, one at a time, and neither the event loop nor the threads that the disk is written by are held up.
 *
 * A password that is compared with nothing, because there is no such user, is compared with a hash that nobody knows the password of: who asks
 * learns nothing from the answer, nor from the time that it takes.
 */

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type * as bcryptjs from 'bcryptjs';
import { RequestError } from '../../base/index.ts';

/** bcrypt looks at no more. */
const PASSWORD_BYTES_MAX = 72;

/** Who comes when this many wait is told to come again. */
export const PASSWORDS_WAITING_MAX = 256;

/** What the thread runs, as text: it is then found wherever this file is. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const bcrypt = require(workerData);
parentPort.on('message', ({ password, hash, cost }) => {
  try {
    parentPort.postMessage(hash === undefined ? bcrypt.hashSync(password, cost) : bcrypt.compareSync(password, hash));
  } catch (error) {
    parentPort.postMessage(false);
  }
});
`;

type Answer = ReturnType<typeof bcryptjs.hashSync> | ReturnType<typeof bcryptjs.compareSync>;

interface Job {
  readonly message: { readonly password: string; readonly hash?: string; readonly cost?: number };
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class Passwords {
  readonly #cost: number;
  /** In the order of coming; the first is at work. */
  readonly #jobs: Job[] = [];
  #worker: Worker | undefined;
  #unknown: Promise<string> | undefined;

  constructor(cost: number) {
    this.#cost = cost;
  }

  /** Rejects with RequestError passwordTooLong, tooManyRequests. */
  async hash(password: string): Promise<string> {
    if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) throw new RequestError('passwordTooLong');
    const answer = await this.#run({ password, cost: this.#cost });
    if (typeof answer !== 'string') throw new Error('a password could not be hashed');
    return answer;
  }

  /** Whether it is the password behind the hash; '' for none. Takes the same time either way. Rejects with RequestError tooManyRequests. */
  async isRight(password: string, hash: string): Promise<boolean> {
    const unknown = await this.#unknownHash();
    const answer = await this.#run({ password, hash: hash === '' ? unknown : hash });
    return hash !== '' && answer === true && Buffer.byteLength(password) <= PASSWORD_BYTES_MAX;
  }

  /** Ends the thread. What is under way fails. */
  async close(): Promise<void> {
    this.#failed(new RequestError('stopped'));
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Of a password that nobody knows, made when first needed. */
  #unknownHash(): Promise<string> {
    this.#unknown ??= this.hash(randomBytes(32).toString('base64')).catch((error: unknown) => {
      this.#unknown = undefined;
      throw error;
    });
    return this.#unknown;
  }

  #run(message: Job['message']): Promise<Answer> {
    if (this.#jobs.length >= PASSWORDS_WAITING_MAX) return Promise.reject(new RequestError('tooManyRequests'));
    return new Promise((resolve, reject) => {
      this.#jobs.push({ message, resolve, reject });
      if (this.#jobs.length === 1) this.#next();
    });
  }

  #next(): void {
    const job = this.#jobs[0];
    if (job !== undefined) this.#thread().postMessage(job.message, []);
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const library = createRequire(import.meta.url).resolve('bcryptjs');
    const worker = new Worker(THREAD, { eval: true, workerData: library });
    // A member that has nothing else to do may end.
    worker.unref();
    worker.on('message', (answer: Answer) => {
      this.#jobs.shift()?.resolve(answer);
      this.#next();
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#failed(error);
    });
    this.#worker = worker;
    return worker;
  }

  #failed(error: Error): void {
    for (const job of this.#jobs.splice(0)) job.reject(error);
  }
}
