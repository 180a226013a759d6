/**
 * WatchResponses as bytes. Those with events are made of pieces that exist already and are put end to end:
 *
 *     [ header, the same for all responses of one revision ] [ event ] [ event ] ... [ watch_id ]
 *     '------------------------- the body, the same for all watchers --------------'
 *
 * An event's piece is encoded once and shared by everyone who is told of it (watch/shared-event.ts), so a response costs its
 * list of pieces. A large response to a watcher that asked for it is cut into fragments, between events only; all but the
 * last are marked.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/index.ts';
import { joined, lengthOf, ProtoWriter, type ResponseHeader, writeHeader } from '../../codec/index.ts';
import type { WatchResponse } from '../../watch/index.ts';
import type { Message } from '../../wire/index.ts';

/** Who answers, as it is at the moment. */
export type HeaderSource = Readonly<Omit<ResponseHeader, 'revision'>>;

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

/** Header fields that are kept, by revision: a revision is told to many streams, and a stream of the last few in a row. */
const KEPT_HEADERS = 64;

/** A body smaller than this is put together once, to be copied in one go for whoever is told. */
const JOINED_BYTES_MAX = 16_384;

/** What was put together last: a put is told to many streams, one after the other. */
interface Joined {
  readonly events: WatchResponse['events'];
  readonly prevKv: boolean;
  /** It begins with this. */
  readonly head: Bytes;
  readonly body: Body;
}

interface KeptHeader {
  readonly revision: number;
  readonly term: number;
  readonly field: Bytes;
}

/** What all watchers of a response are sent: one message without its watch_id, or several fragments. */
export type Body = readonly (readonly Bytes[])[];

export class ResponseEncoder {
  #last: Joined | undefined;
  readonly #from: HeaderSource;
  readonly #fragmentBytesMax: number;
  readonly #keptHeaders: (KeptHeader | undefined)[] = Array.from({ length: KEPT_HEADERS });

  /** `fragmentBytesMax`: no fragment is larger, unless it is one event. */
  constructor(from: HeaderSource, fragmentBytesMax: number) {
    this.#from = from;
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
    const { clusterId, memberId, term } = this.#from;
    writeHeader(writer, { clusterId, memberId, revision, term });
    return writer.finish();
  }

  /** What was taken from a stream. */
  body({ kind, watchers, events, revision, compactRevision }: WatchResponse): Body {
    const head = this.#headerField(revision);
    if (kind === 'compacted') return [[head, cancelledBy(compactRevision)]];
    const [watcher] = watchers;
    const prevKv = watcher?.prevKv === true;
    const last = this.#last;
    if (last?.events === events && last.head === head && last.prevKv === prevKv) return last.body;
    const pieces = [head];
    for (const event of events) pieces.push(event.encoded(prevKv));
    const bytes = lengthOf(pieces);
    if (bytes < JOINED_BYTES_MAX) {
      const body = [[joined(pieces)]];
      this.#last = { events, prevKv, head, body };
      return body;
    }
    return watcher?.fragment === true && bytes > this.#fragmentBytesMax ? this.#fragments(pieces) : [pieces];
  }

  /** The message to one of the watchers. */
  message(fragment: readonly Bytes[], watchId: number): Message {
    return watchId === 0 ? fragment : [...fragment, idField(watchId)];
  }

  #fragments([head = EMPTY_BYTES, ...entries]: readonly Bytes[]): Body {
    const marked = [head, FRAGMENT_MARK];
    const markedBytes = lengthOf(marked);
    const fragments: Bytes[][] = [];
    let fragment: Bytes[] = [];
    let bytes = markedBytes;
    for (const entry of entries) {
      if (fragment.length > 0 && bytes + entry.length > this.#fragmentBytesMax) {
        fragments.push([...marked, ...fragment]);
        fragment = [];
        bytes = markedBytes;
      }
      fragment.push(entry);
      bytes += entry.length;
    }
    fragments.push([head, ...fragment]);
    return fragments;
  }

  #headerField(revision: number): Bytes {
    const place = revision % KEPT_HEADERS;
    const kept = this.#keptHeaders[place];
    const { clusterId, memberId, term } = this.#from;
    if (kept?.revision === revision && kept.term === term) return kept.field;
    const writer = new ProtoWriter();
    writeHeader(writer, { clusterId, memberId, revision, term });
    const field = joined(writer.finish());
    this.#keptHeaders[place] = { revision, term, field };
    return field;
  }
}

/** canceled: true, compact_revision */
function cancelledBy(compactRevision: number): Bytes {
  const writer = new ProtoWriter();
  writer.numberField(COMPACT_REVISION, compactRevision);
  writer.boolField(CANCELED, true);
  return joined(writer.finish());
}
