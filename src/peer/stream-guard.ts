/** Stands at the entrance of each stream from another member: lets in who should be talking to us, and ends the streams of the others. */

import { type Logger, Status } from '../base/index.ts';
import { type PeerHello, ProtocolError, raftId } from '../codec/index.ts';
import type { MemberId, Message } from '../raft/index.ts';
import type { CallContext, DuplexStream } from '../wire/index.ts';
import type { Complaints } from './complaints.ts';
import { envelopeProblem, helloProblem, type Identity } from './hello.ts';
import type { PeerObserver } from './observer.ts';
import type { PeerAddress } from './transport.ts';

export interface StreamGuardOptions {
  readonly identity: Identity;
  readonly stream: DuplexStream;
  readonly call: CallContext;
  readonly logger: Logger;
  readonly complaints: Complaints;
  readonly observer: PeerObserver;
  readonly met: (peer: PeerAddress) => void;
}

export class StreamGuard {
  readonly #options: StreamGuardOptions;
  #from: MemberId | undefined;

  constructor(options: StreamGuardOptions) {
    this.#options = options;
  }

  /** Who is at the other end, once it has said hello. */
  get from(): MemberId | undefined {
    return this.#from;
  }

  /** Lets in who says a proper hello. False: the stream has been ended. */
  greet(hello: PeerHello | undefined): boolean {
    if (hello === undefined) {
      this.#refuse('the stream does not begin with a hello', undefined);
      return false;
    }
    const from = raftId(hello.from);
    const problem = helloProblem(hello, this.#options.identity);
    if (problem !== undefined) {
      this.#refuse(problem, from);
      return false;
    }
    this.#from = from;
    this.#options.met({ id: from, urls: hello.urls ?? [] });
    return true;
  }

  /** Whether the message is between the two members of this stream. False: the stream has been ended. */
  admits(message: Message): boolean {
    const problem = envelopeProblem(message, this.#from ?? '', this.#options.identity.memberId);
    if (problem === undefined) return true;
    this.fail(problem);
    return false;
  }

  /** Decodes; undefined for bytes that are no message of ours, and then the stream has been ended. */
  read<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
    try {
      return decode(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.fail(error.message);
      return undefined;
    }
  }

  /** The other end has broken the protocol. */
  fail(problem: string): void {
    const { observer } = this.#options;
    if (this.#from !== undefined) observer.receiveFailed(this.#from);
    this.#refuse(problem, this.#from);
  }

  #refuse(problem: string, peer: MemberId | undefined): void {
    const { stream, call, logger, complaints } = this.#options;
    // Without the port, which is another one at each attempt.
    const address = call.peer.slice(0, call.peer.lastIndexOf(':'));
    complaints.make(`${peer ?? address}: ${problem}`, () =>
      logger.warn('refused the stream of a peer', { peer, address, error: problem }),
    );
    stream.end({ code: Status.failedPrecondition, message: problem });
  }
}
