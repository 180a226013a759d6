/**
 * Questions to one peer, on a connection of their own: they are small, and somebody waits for each answer, so none may wait behind
 * what else there is to send. After a failure the connection is opened anew, at the next question.
 */

import type { Client } from '@grpc/grpc-js';
import type { Bytes } from '../base/index.ts';
import { asBuffer, asBytes, type OpenChannel } from './channel.ts';
import { ASK_METHOD } from './hello.ts';
import { ANSWER_MS_MAX, QUESTIONS_OPEN_MAX } from './limits.ts';

export class QuestionLine {
  readonly #openChannel: OpenChannel;
  #url: string | undefined;
  #channel: Client | undefined;
  #open = 0;

  constructor(openChannel: OpenChannel) {
    this.#openChannel = openChannel;
  }

  /** Rejects with an Error if there is no answer. Throws a TypeError if the URL is none. */
  ask(url: string, question: Bytes): Promise<Bytes> {
    if (this.#open >= QUESTIONS_OPEN_MAX) return Promise.reject(new Error('too many questions are open'));
    if (url !== this.#url) this.close();
    this.#url = url;
    const channel = (this.#channel ??= this.#openChannel(url));
    this.#open++;
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + ANSWER_MS_MAX;
      channel.makeUnaryRequest(ASK_METHOD, asBuffer, asBytes, question, { deadline }, (error, answer) => {
        this.#open--;
        if (error === null && answer !== undefined) {
          resolve(answer);
          return;
        }
        if (channel === this.#channel) this.close();
        reject(new Error(error?.details ?? 'no answer', { cause: error }));
      });
    });
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}
