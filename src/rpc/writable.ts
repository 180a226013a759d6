/** A call's sending side that can be waited for. */

import type { CallContext, SendStream } from '../wire/index.ts';

export class Writable {
  readonly #stream: SendStream;
  readonly #call: CallContext;
  #wake: (() => void) | undefined;

  constructor(stream: SendStream, call: CallContext) {
    this.#stream = stream;
    this.#call = call;
    const wake = (): void => this.#wake?.();
    stream.onWritable(wake);
    call.onCancelled(wake);
  }

  /** Resolves when more may be written, or to false when nobody reads any more. */
  async write(message: Parameters<SendStream['write']>[0]): Promise<boolean> {
    if (!this.#call.cancelled && !this.#stream.write(message) && !this.#call.cancelled) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return !this.#call.cancelled;
  }
}
