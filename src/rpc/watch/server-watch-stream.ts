/**
 * One client's watch stream, between the wire and a WatchStream.
 *
 *     wire --onMessage--> recvLoop --create, cancel, progress--> WatchStream
 *                            |                                       |
 *                            | created, canceled                     | take
 *                            v                                       v
 *                       ctrlStream ---------- first ----------> sendLoop --write--> wire
 *
 * The send loop empties ctrlStream before it takes from the channel. An answer to a creation is in ctrlStream from the moment
 * that the watcher exists: so nothing of a watcher is ever sent before its creation is announced, it stays pending in the
 * channel. And what was queued for a cancelled watcher is gone when its cancellation is announced.
 *
 * A client that does not read: the wire says hold on, the channel is left alone and fills up, its watchers become victims.
 * A client that asks faster than it reads: ctrlStream fills up, and the stream is read no more until it has been emptied.
 * Clients that ask more than a turn has time for: each waits for its turn with one request, and is read no more meanwhile.
 */

import { type Bytes, ERRORS, type ErrorCode, rangeOf, Status } from '../../base/index.ts';
import {
  decodeWatchRequest,
  ProtocolError,
  type WatchCancelRequest,
  type WatchCreateRequest,
} from '../../codec/index.ts';
import {
  ALL_WATCHERS,
  type Watcher,
  type WatchReader,
  type WatchRefusal,
  type WatchResponse,
  type WatchStream,
  watchIdOf,
} from '../../watch/index.ts';
import type { CallContext, CallStatus, DuplexStream, Message } from '../../wire/index.ts';
import { Delivery } from './delivery.ts';
import { ProgressTicker } from './progress-ticker.ts';
import type { Control, ResponseEncoder } from './response-encoder.ts';
import type { Sending, SendTurn, Sent } from './send-turn.ts';
import type { SharedTurn } from './shared-turn.ts';
import type { WatchOptions } from './watch-method.ts';
import { WatchPermit } from './watch-permit.ts';

/** Answers to requests that wait to be sent. From here on the stream is not read. */
export const CONTROL_RESPONSES_MAX = 16;

/** Messages sent in a row before others get their turn. */
const MESSAGES_PER_TURN_MAX = 256;

/** Why a watch was refused, in etcd's words where it has them. */
const REFUSALS: Readonly<Record<WatchRefusal, string>> = {
  emptyRange: 'mvcc: watcher range is empty',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
  illegalId: 'mvcc: watch ID must not be negative or beyond 2^53',
  closed: 'mvcc: watch stream is closed',
};

const NO_SUCH_WATCHER = 'mvcc: watcher does not exist';

const CANCELLED: CallStatus = { code: ERRORS.watchCanceled.status, message: ERRORS.watchCanceled.text };

/** How gRPC's Go library writes the codes: a refusal by auth shows the whole error as that library prints it. */
const GO_CODES: Readonly<Partial<Record<Status, string>>> = {
  [Status.permissionDenied]: 'PermissionDenied',
  [Status.unauthenticated]: 'Unauthenticated',
  [Status.invalidArgument]: 'InvalidArgument',
};

function refusalOf(code: ErrorCode): string {
  const { status, text } = ERRORS[code];
  return `rpc error: code = ${GO_CODES[status] ?? 'Unknown'} desc = ${text}`;
}

/** Watchers asked for in a row before others get their turn. */
const REVIEWED_PER_TURN_MAX = 1000;

/** Why a stream is not read: reasons that are added up. */
type Hold = 1 | 2;
const ANSWERS: Hold = 1;
const TURN: Hold = 2;

/** What all streams share. */
export interface WatchService {
  readonly options: WatchOptions;
  readonly encoder: ResponseEncoder;
  /** For receiving, and for sending. */
  readonly turn: SharedTurn;
  readonly sendTurn: SendTurn;
  /** Those that are not over. */
  readonly streams: Set<ServerWatchStream>;
}

/** There may be a million of these: what most streams do not need is made when it is. */
export class ServerWatchStream implements Sending, WatchReader {
  readonly user: string;
  readonly #service: WatchService;
  readonly #stream: DuplexStream;
  readonly #call: CallContext;
  readonly #watchStream: WatchStream;
  readonly #permit: WatchPermit;
  /** Once a watcher has asked for progress_notify. */
  #progress: ProgressTicker | undefined;
  /** Undefined while empty. */
  #ctrlStream: Message[] | undefined;
  /** The response that is being sent, if it takes several messages. */
  #delivery: Delivery | undefined;
  /** The stream is read while there are none. */
  #holds = 0;
  #isWritable = true;
  /** Watchers that are still to be asked for since who may do what has changed. Nothing is sent meanwhile. */
  #underReview: Iterator<Watcher> | undefined;
  #isScheduled = false;
  /** The client asks no more: what is queued is sent, then the call ends. */
  #isHalfClosed = false;
  #isEnded = false;

  constructor(service: WatchService, stream: DuplexStream, call: CallContext) {
    const { member, callers, watchable } = service.options;
    this.user = callers.userOf(call) ?? call.commonName ?? '';
    this.#service = service;
    this.#stream = stream;
    this.#call = call;
    this.#permit = new WatchPermit(member, callers, call);
    this.#watchStream = watchable.newWatchStream(this);
  }

  serve(): void {
    this.#service.streams.add(this);
    this.#stream.onMessage((message) => this.#inTurn(() => this.#recvLoop(message)));
    // In its turn as well: a request may be waiting that came before it.
    this.#stream.onHalfClose(() => this.#inTurn(() => this.#halfClosed()));
    this.#stream.onWritable(() => {
      this.#isWritable = true;
      this.#schedule();
    });
    this.#call.onCancelled(() => this.#cancelled());
  }

  // ---- WatchReader ----

  get peer(): string {
    return this.#call.peer;
  }

  readable(): void {
    this.#schedule();
  }

  // ---- recvLoop ----

  #inTurn(work: () => void): void {
    const { turn } = this.#service;
    if (turn.hasTime()) return this.#guarded(work);
    this.#hold(TURN);
    turn.wait(() => {
      this.#guarded(work);
      this.#release(TURN);
    });
  }

  /** Everything is done in some turn or other, where nobody is there to catch. Its watchers must not outlive a stream that has failed. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#close();
    this.#stream.fail(error);
  }

  #recvLoop(message: Bytes): void {
    if (this.#isEnded || this.#isHalfClosed) return;
    try {
      this.#receive(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const text = `grpc: failed to unmarshal the received message: ${error.message}`;
      this.#end({ code: Status.internal, message: text });
    }
  }

  #receive(message: Bytes): void {
    const request = decodeWatchRequest(message);
    switch (request.kind) {
      case 'create':
        return this.#create(request);
      case 'cancel':
        return this.#cancel(request);
      case 'progress':
        return this.#watchStream.requestProgressAll();
      case 'unknown':
        // The stream may be of use to a client that knows more than we do.
        return undefined;
      default:
        return request satisfies never;
    }
  }

  #create(request: WatchCreateRequest): void {
    const revision = this.#watchStream.rev();
    // The least key: there is none with no bytes.
    const key = request.key === '' ? '\0' : request.key;
    if (request.startRevision < 0) return this.#refuse(ERRORS.compacted.text);
    const range = rangeOf(key, request.rangeEnd);
    const forbidden = this.#permit.refusalToCreate(range);
    if (forbidden !== undefined) return this.#refuse(refusalOf(forbidden));

    const result = this.#watchStream.watch({
      id: request.watchId,
      range,
      startRev: request.startRevision,
      options: request.options,
    });
    if (!result.ok) return this.#refuse(REFUSALS[result.refusal]);
    if (request.progressNotify) (this.#progress ??= this.#newTicker()).add(result.id);
    this.#answer(revision, { watchId: result.id, created: true });
  }

  #newTicker(): ProgressTicker {
    const { clock, prng, progressIntervalMs } = this.#service.options;
    return new ProgressTicker(clock, prng, progressIntervalMs, (watchId) =>
      this.#guarded(() => this.#watchStream.requestProgress(watchId)),
    );
  }

  /** The watcher is created and cancelled in one answer, under no id. The stream lives. */
  #refuse(reason: string): void {
    this.#answer(this.#watchStream.rev(), { watchId: ALL_WATCHERS, created: true, canceled: true, reason });
  }

  #cancel({ watchId }: WatchCancelRequest): void {
    const id = Number(watchId);
    const found = this.#watchStream.cancel(id);
    if (found) this.#progress?.delete(id);
    const control: Control = { watchId, canceled: true };
    this.#answer(this.#watchStream.rev(), found ? control : { ...control, reason: NO_SUCH_WATCHER });
  }

  #answer(revision: number, control: Control): void {
    const answer = this.#service.encoder.control(revision, control);
    if (this.#ctrlStream === undefined) this.#ctrlStream = [answer];
    else if (this.#ctrlStream.push(answer) >= CONTROL_RESPONSES_MAX) this.#hold(ANSWERS);
    this.#schedule();
  }

  #halfClosed(): void {
    if (this.#isEnded) return;
    this.#isHalfClosed = true;
    this.#progress?.stop();
    this.#watchStream.finish();
    this.#schedule();
  }

  // ---- who may go on ----

  /** Who may do what has changed: nothing is sent before every watcher has been asked for. */
  authChanged(): void {
    if (this.#isEnded) return;
    this.#underReview = this.#permit.allowsAll ? undefined : this.#watchStream.watchers()[Symbol.iterator]();
    if (this.#underReview === undefined) this.#schedule();
    else if (this.#service.turn.hasTime()) this.#review();
    else this.#service.turn.wait(() => this.#review());
  }

  #review(): void {
    for (let asked = 0; this.#underReview !== undefined && !this.#isEnded; asked++) {
      if (asked === REVIEWED_PER_TURN_MAX) {
        this.#service.turn.wait(() => this.#review());
        return;
      }
      const next = this.#underReview.next();
      if (next.done === true) this.#underReview = undefined;
      else this.#reviewOne(next.value);
    }
    this.#schedule();
  }

  #reviewOne(watcher: Watcher): void {
    const { id, key, end } = watcher;
    const refusal = this.#permit.refusalToGoOn({ key, end });
    if (refusal === undefined) return;
    this.#watchStream.cancel(id);
    // Nor is the rest of what is on its way sent: a client drops the fragments that it has.
    this.#delivery?.leaveOut(watcher);
    this.#progress?.delete(id);
    this.#answer(this.#watchStream.rev(), { watchId: id, canceled: true, reason: refusalOf(refusal) });
  }

  // ---- sendLoop ----

  /** After all that happens now: what it leaves behind is sent together. */
  #schedule(): void {
    if (this.#isScheduled || !this.#maySend) return;
    this.#isScheduled = true;
    this.#service.sendTurn.add(this);
  }

  get #maySend(): boolean {
    return this.#isWritable && !this.#isEnded && this.#underReview === undefined;
  }

  sendLoop(sent: Sent): boolean {
    try {
      return this.#send(sent);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #send(sent: Sent): boolean {
    const { failpoints } = this.#service.options;
    for (let i = 0; i < MESSAGES_PER_TURN_MAX; i++) {
      const message = this.#maySend ? this.#nextMessage(sent) : undefined;
      if (message === undefined) {
        this.#isScheduled = false;
        if (this.#maySend && this.#isHalfClosed) this.#end();
        return false;
      }
      const held = failpoints?.reach('beforeSendWatchResponse');
      if (held !== undefined) {
        this.#sendAfter(held, message);
        return false;
      }
      this.#isWritable = this.#stream.write(message);
    }
    return true;
  }

  /** Goes on when `held` resolves. Meanwhile the channel is left alone, as if the client did not read. */
  #sendAfter(held: PromiseLike<unknown>, message: Message): void {
    held.then(() =>
      this.#guarded(() => {
        if (this.#isEnded) return;
        this.#isWritable = this.#stream.write(message);
        this.#isScheduled = false;
        this.#schedule();
      }),
    );
  }

  #nextMessage(sent: Sent): Message | undefined {
    const rest = this.#delivery?.next();
    if (rest !== undefined) return rest;
    this.#delivery = undefined;
    if (this.#ctrlStream !== undefined) return this.#nextControl(this.#ctrlStream, sent);
    const response = this.#watchStream.take();
    return response === undefined ? undefined : this.#deliver(response, sent);
  }

  #nextControl(answers: Message[], sent: Sent): Message | undefined {
    const control = answers.shift();
    if (answers.length === 0) {
      this.#ctrlStream = undefined;
      this.#release(ANSWERS);
    }
    sent.control++;
    return control;
  }

  /** The first message of a response; there may be more. */
  #deliver(response: WatchResponse, sent: Sent): Message | undefined {
    const { kind, watchers, events } = response;
    if (kind === 'bookmark') sent.progress++;
    else sent.responses += watchers.length;
    sent.events += watchers.length * events.length;
    if (kind === 'events') this.#progress?.told(watchers);
    else if (kind === 'compacted') for (const { id } of watchers) this.#progress?.delete(id);
    const { encoder } = this.#service;
    const body = encoder.body(response);
    const [fragment] = body;
    if (watchers.length === 1 && body.length === 1 && fragment !== undefined) {
      return encoder.message(fragment, watchIdOf(watchers[0]));
    }
    this.#delivery = new Delivery(encoder, body, watchers);
    return this.#delivery.next();
  }

  #hold(reason: Hold): void {
    if (this.#holds === 0) this.#stream.pause();
    this.#holds |= reason;
  }

  #release(reason: Hold): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.#stream.resume();
  }

  /** With a connection many streams go at once, and their watchers with them: each in its turn. Meanwhile nothing is sent. */
  #cancelled(): void {
    this.#isWritable = false;
    if (this.#service.turn.hasTime()) this.#end(CANCELLED);
    else this.#service.turn.wait(() => this.#guarded(() => this.#end(CANCELLED)));
  }

  #end(status?: CallStatus): void {
    if (this.#isEnded) return;
    this.#close();
    this.#stream.end(status);
  }

  #close(): void {
    this.#isEnded = true;
    this.#service.streams.delete(this);
    this.#progress?.stop();
    this.#watchStream.close();
    this.#ctrlStream = undefined;
    this.#delivery = undefined;
  }
}
