/**
 * The tables of HPACK: names and values that a header block may refer to by a number (RFC 7541, section 2.3).
 *
 *     1 .. 61    static, the same for all (appendix A)
 *     62 ..      dynamic: what the sender had us remember, the newest first
 *
 * An entry counts its bytes and 32 more. The dynamic table holds so many bytes at most, and what is older than that is forgotten.
 */

import { ConnectionError, ErrorCode } from './frame.ts';

/** What we let a sender make us remember: the protocol's default, which we never change. */
export const TABLE_BYTES_MAX = 4096;

export const ENTRY_OVERHEAD_BYTES = 32;

/** More entries than this do not fit, as each costs its overhead. A power of two. */
const SLOTS: number = TABLE_BYTES_MAX / ENTRY_OVERHEAD_BYTES;

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** Lines of name and value. */
const STATIC_TEXT = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

export const STATIC_TABLE: readonly HeaderField[] = STATIC_TEXT.split('\n').map((line) => {
  const space = line.indexOf(' ');
  return space < 0 ? { name: line, value: '' } : { name: line.slice(0, space), value: line.slice(space + 1) };
});

export class HeaderTable {
  /** A ring: the newest entry is before #next. */
  readonly #entries: (HeaderField | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  #next = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax = TABLE_BYTES_MAX;
  #changes = 0;

  /** Differs whenever an index may mean something else than before. */
  get version(): number {
    return this.#changes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws ConnectionError if there is no such entry. */
  get(index: number): HeaderField {
    const place = index - STATIC_TABLE.length - 1;
    const entry =
      place < 0
        ? STATIC_TABLE[index - 1]
        : place < this.#count
          ? this.#entries[(this.#next - 1 - place) & (SLOTS - 1)]
          : undefined;
    if (entry === undefined) throw new ConnectionError(ErrorCode.compressionError, `no header ${index}`);
    return entry;
  }

  /** One that is larger than the table empties it. */
  add(entry: HeaderField): void {
    this.#changes++;
    const bytes = entryBytes(entry);
    this.#shrinkTo(this.#bytesMax - bytes);
    if (bytes > this.#bytesMax) return;
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) & (SLOTS - 1);
    this.#count++;
    this.#bytes += bytes;
  }

  /** The sender changes how much is remembered, within what we allow. */
  resize(bytesMax: number): void {
    if (bytesMax > TABLE_BYTES_MAX)
      throw new ConnectionError(ErrorCode.compressionError, `a table of ${bytesMax} bytes`);
    this.#changes++;
    this.#bytesMax = bytesMax;
    this.#shrinkTo(bytesMax);
  }

  #shrinkTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      const oldest = (this.#next - this.#count) & (SLOTS - 1);
      const entry = this.#entries[oldest];
      if (entry !== undefined) this.#bytes -= entryBytes(entry);
      this.#entries[oldest] = undefined;
      this.#count--;
    }
  }
}

export function entryBytes({ name, value }: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}
