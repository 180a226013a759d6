/**
 * WatchResponses as bytes. Those with events are made of pieces that exist already and are put end to end:
 *
 *     [ header, the same for all responses of one revision ] [ watch_id ] [ event ] [ event ] ...
 *
 * An event's piece is encoded once and shared by everyone who is told of it (watch/shared-event.ts), so a response costs its
 * list of pieces. A large response to a watcher that asked for it is cut into fragments, between events only; all but the
 * last are marked.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/index.ts';
import { joined, ProtoWriter, type ResponseHeader, writeHeader } from '../../codec/index.ts';
import type { WatchResponse } from '../../watch/index.ts';
import type { Message } from '../../wire/index.ts';

/** The header of an answer at this revision. */
export type HeaderSource = (revision: number) => ResponseHeader;

/** Fields of a WatchResponse without events. */
export interface Control {
  readonly watchId: number | bigint;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly reason?: string;
}

// Field numbers of WatchResponse: proto/rpc.proto.
const WATCH_ID = 2;
const CREATED = 3;
const CANCELED = 4;
const COMPACT_REVISION = 5;
const CANCEL_REASON = 6;
const FRAGMENT = 7;

/** fragment: true */
const FRAGMENT_MARK: Bytes = Uint8Array.of(FRAGMENT << 3, 1);

/** The field watch_id of small ids, which most are, is kept. */
const KEPT_IDS = 1024;
const keptIds: (Bytes | undefined)[] = [];

function idField(watchId: number): Bytes {
  if (watchId === 0) return EMPTY_BYTES;
  const kept = watchId > 0 && watchId < KEPT_IDS ? keptIds[watchId] : undefined;
  if (kept !== undefined) return kept;
  const writer = new ProtoWriter();
  writer.numberField(WATCH_ID, watchId);
  const field = Uint8Array.from(joined(writer.finish()));
  if (watchId > 0 && watchId < KEPT_IDS) keptIds[watchId] = field;
  return field;
}

export class ResponseEncoder {
  readonly #header: HeaderSource;
  readonly #fragmentBytesMax: number;
  #last: ResponseHeader | undefined;
  #lastField: Bytes = EMPTY_BYTES;

  /** `fragmentBytesMax`: no fragment is larger, unless it is one event. */
  constructor(header: HeaderSource, fragmentBytesMax: number) {
    this.#header = header;
    this.#fragmentBytesMax = fragmentBytesMax;
  }

  control(revision: number, control: Control): Message {
    const { watchId, created = false, canceled = false, compactRevision = 0, reason = '' } = control;
    const writer = new ProtoWriter();
    if (reason !== '') writer.bytesField(CANCEL_REASON, Buffer.from(reason));
    writer.numberField(COMPACT_REVISION, compactRevision);
    writer.boolField(CANCELED, canceled);
    writer.boolField(CREATED, created);
    writer.bigintField(WATCH_ID, BigInt(watchId));
    writeHeader(writer, this.#header(revision));
    return writer.finish();
  }

  /** What was taken from a stream: one message, or several fragments. */
  response(response: WatchResponse): Message[] {
    const { kind, revision, watchId, compactRevision } = response;
    switch (kind) {
      case 'events':
        return this.#events(response);
      case 'bookmark':
        return [[this.#headerField(revision), idField(watchId)]];
      case 'compacted':
        return [this.control(revision, { watchId, canceled: true, compactRevision })];
      default:
        return kind satisfies never;
    }
  }

  #events(response: WatchResponse): Message[] {
    const { watcher, events, revision, watchId } = response;
    const prevKv = watcher?.prevKv === true;
    const head = this.#headerField(revision);
    const id = idField(watchId);
    const [first] = events;
    if (first !== undefined && events.length === 1) return [[head, id, first.encoded(prevKv)]];

    const whole: Bytes[] = [head, id];
    let bytes = head.length + id.length;
    for (const event of events) {
      const entry = event.encoded(prevKv);
      whole.push(entry);
      bytes += entry.length;
    }
    if (watcher?.fragment !== true || bytes <= this.#fragmentBytesMax) return [whole];
    return this.#fragments(head, id, whole.slice(2));
  }

  #fragments(head: Bytes, id: Bytes, entries: readonly Bytes[]): Message[] {
    const marked = [head, id, FRAGMENT_MARK];
    const markedBytes = head.length + id.length + FRAGMENT_MARK.length;
    const messages: Message[] = [];
    let fragment: Bytes[] = [];
    let bytes = markedBytes;
    for (const entry of entries) {
      if (fragment.length > 0 && bytes + entry.length > this.#fragmentBytesMax) {
        messages.push([...marked, ...fragment]);
        fragment = [];
        bytes = markedBytes;
      }
      fragment.push(entry);
      bytes += entry.length;
    }
    messages.push([head, id, ...fragment]);
    return messages;
  }

  /** The field header. Kept from one call to the next: a revision is told to many watchers in a row. */
  #headerField(revision: number): Bytes {
    const header = this.#header(revision);
    const last = this.#last;
    const isLast =
      last !== undefined &&
      last.revision === header.revision &&
      last.term === header.term &&
      last.memberId === header.memberId &&
      last.clusterId === header.clusterId;
    if (!isLast) {
      const writer = new ProtoWriter();
      writeHeader(writer, header);
      this.#lastField = joined(writer.finish());
      this.#last = header;
    }
    return this.#lastField;
  }
}
