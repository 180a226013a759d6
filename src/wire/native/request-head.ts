/**
 * What the headers of a request say of the call: read once, and shared by all calls whose header blocks are the same.
 *
 *     :method POST, :scheme http, :path /etcdserverpb.KV/Put, :authority ...     what HTTP/2 wants (RFC 9113, section 8.3)
 *     te trailers, content-type application/grpc, grpc-timeout 5S, grpc-encoding gzip, grpc-accept-encoding
 *     anything else: metadata
 *
 * Those that a client sends with every call are in HPACK's table after the first: then a block is a handful of indices, the same for
 * every call of a method until the table changes. So heads are kept by their blocks.
 */

import { Status } from '../../base/index.ts';
import type { CallStatus } from '../port.ts';
import type { HeaderDecoder } from './header-decoder.ts';
import type { HeaderField } from './header-table.ts';

export interface RequestHead {
  readonly path: string;
  /** Of ASCII only; what is gRPC's own or HTTP's is left out. */
  readonly metadata: ReadonlyMap<string, string>;
  /** How long the client waits, if it says so. Milliseconds. */
  readonly timeoutMs: number | undefined;
  readonly isGzip: boolean;
  /** Why the call cannot be served. */
  readonly refusal: CallStatus | undefined;
}

/** A request that is none of gRPC's. */
export interface HttpHead {
  readonly method: string;
  /** With the query. */
  readonly url: string;
}

/** What else a header block may be: of no use at all; too much; not gRPC; gRPC, to be answered with this status of HTTP. */
export type NoHead = 'malformed' | 'tooLarge' | { readonly http: HttpHead } | { readonly httpStatus: number };

/** Blocks whose heads are kept, and how long these may be. */
const HEADS_KEPT_MAX = 64;
const BLOCK_KEPT_BYTES_MAX = 64;

const PSEUDO = new Set([':method', ':scheme', ':path', ':authority']);

/** Of HTTP/1 connections: not allowed here (RFC 9113, section 8.2.2). */
const CONNECTION_HEADERS = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

const NOT_METADATA = new Set(['te', 'content-type', 'grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding']);

const CONTENT_TYPE = /^application\/grpc(?:[+;]|$)/;

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** No timer can be set for later. Nobody waits for so long: 24 days. */
const TIMEOUT_MS_MAX: number = 2 ** 31 - 1;

export class RequestHeads {
  readonly #decoder: HeaderDecoder;
  readonly #kept = new Map<string, RequestHead>();
  #keptVersion = 0;

  constructor(decoder: HeaderDecoder) {
    this.#decoder = decoder;
  }

  /** Throws ConnectionError if the block cannot be read. */
  read(block: Buffer): RequestHead | NoHead {
    if (block.length > BLOCK_KEPT_BYTES_MAX) return readHead(this.#decoder.decode(block));
    if (this.#keptVersion !== this.#decoder.tableVersion) this.#kept.clear();
    const key = block.toString('latin1');
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const before = this.#decoder.tableVersion;
    const head = readHead(this.#decoder.decode(block));
    this.#keptVersion = this.#decoder.tableVersion;
    // A block that changes the table must be read each time.
    if (
      before === this.#keptVersion &&
      typeof head === 'object' &&
      'path' in head &&
      this.#kept.size < HEADS_KEPT_MAX
    ) {
      this.#kept.set(key, head);
    }
    return head;
  }
}

export function readHead(fields: readonly HeaderField[] | undefined): RequestHead | NoHead {
  if (fields === undefined) return 'tooLarge';
  const pseudo = new Map<string, string>();
  const headers = new Map<string, string>();
  for (const { name, value } of fields) {
    if (name.startsWith(':')) {
      // Each once, and before all others.
      if (!PSEUDO.has(name) || pseudo.has(name) || headers.size > 0) return 'malformed';
      pseudo.set(name, value);
    } else {
      if (!isAllowed(name, value)) return 'malformed';
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
  }
  const path = pseudo.get(':path');
  if (path === undefined || path === '' || !pseudo.has(':scheme')) return 'malformed';
  const method = pseudo.get(':method');
  if (method === undefined) return 'malformed';
  if (!CONTENT_TYPE.test(headers.get('content-type') ?? '')) return { http: { method, url: path } };
  if (method !== 'POST') return { httpStatus: 405 };
  return { path, metadata: metadataOf(headers), ...gRpcOf(headers) };
}

function isAllowed(name: string, value: string): boolean {
  if (name === '' || CONNECTION_HEADERS.has(name) || /[A-Z\s\0:]/.test(name)) return false;
  return !/[\0\r\n]/.test(value) && (name !== 'te' || value === 'trailers');
}

/** Of most calls. */
const NO_METADATA: ReadonlyMap<string, string> = new Map();

function metadataOf(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [name, value] of headers) {
    if (!NOT_METADATA.has(name) && !name.endsWith('-bin')) metadata.set(name, value);
  }
  return metadata.size === 0 ? NO_METADATA : metadata;
}

function gRpcOf(headers: ReadonlyMap<string, string>): Pick<RequestHead, 'timeoutMs' | 'isGzip' | 'refusal'> {
  const timeout = headers.get('grpc-timeout');
  const encoding = headers.get('grpc-encoding') ?? 'identity';
  const timeoutMs = timeout === undefined ? undefined : timeoutMsOf(timeout);
  let refusal: CallStatus | undefined;
  if (timeout !== undefined && timeoutMs === undefined) {
    refusal = { code: Status.internal, message: `malformed grpc-timeout: ${timeout}` };
  } else if (encoding !== 'identity' && encoding !== 'gzip') {
    refusal = {
      code: Status.unimplemented,
      message: `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`,
    };
  }
  return { timeoutMs, isGzip: encoding === 'gzip', refusal };
}

function timeoutMsOf(text: string): number | undefined {
  const [, digits = '', unit = ''] = TIMEOUT.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Math.min(Math.ceil(Number(digits) * unitMs), TIMEOUT_MS_MAX);
}
