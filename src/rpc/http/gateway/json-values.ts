/**
 * JSON texts that come one after the other, in pieces that begin and end anywhere:
 *
 *     {"create_re | quest":{}}  {"cancel_r | equest": ...          ->   {"create_request":{}}
 */

import type { Bytes } from '../../../base/index.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const CLOSING: ReadonlySet<number> = new Set([0x7d, 0x5d]);
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

export class JsonValues {
  /** Of the text that has begun. */
  #pieces: Bytes[] = [];
  #bytes = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  /** What is kept of a text that has begun. */
  get keptBytes(): number {
    return this.#bytes;
  }

  /** The texts that end in this piece. */
  push(piece: Bytes): readonly string[] {
    const texts: string[] = [];
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      if (!this.#endsAt(piece[at] ?? 0)) continue;
      this.#keep(piece.subarray(from, at + 1));
      texts.push(this.#take());
      from = at + 1;
    }
    this.#keep(piece.subarray(from));
    return texts.filter((text) => text.trim() !== '');
  }

  /** No more comes: what is left, whole or not. */
  finish(): string | undefined {
    const text = this.#take().trim();
    return text === '' ? undefined : text;
  }

  /** Anything but an object or a list ends with a space. */
  #endsAt(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      return false;
    }
    if (byte === QUOTE) this.#isInString = true;
    else if (OPENING.has(byte)) this.#depth++;
    else if (CLOSING.has(byte)) return --this.#depth <= 0;
    return this.#depth === 0 && SPACE.has(byte);
  }

  #keep(piece: Bytes): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  #take(): string {
    const text = Buffer.concat(this.#pieces).toString('utf8');
    this.#pieces = [];
    this.#bytes = 0;
    this.#depth = 0;
    return text;
  }
}
