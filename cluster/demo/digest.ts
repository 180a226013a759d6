/**
 * A sequence of events in one number and a count. Two sequences with the same digest are taken for the same: it depends on
 * every event's kind, key, revision and value, and on their order.
 */

import { crc32 } from 'node:zlib';
import type { Held } from './replay.ts';

export class Digest {
  #count = 0;
  #high = 0x243f6a88;
  #low = 0x85a308d3;

  get count(): number {
    return this.#count;
  }

  get text(): string {
    return `${this.#count} events ${hex(this.#high)}${hex(this.#low)}`;
  }

  put(key: string, held: Held): void {
    this.#mix(crc32(key, 1));
    this.#mix(held.modRevision);
    this.#mix(held.version);
    this.#mix(held.crc);
    this.#count++;
  }

  delete(key: string, modRevision: number): void {
    this.#mix(crc32(key, 2));
    this.#mix(modRevision);
    this.#count++;
  }

  /** Two rounds of multiplication, each with a shift, so that every bit reaches every other; the halves feed each other. */
  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x9e3779b1) ^ (this.#low >>> 15);
    this.#low = Math.imul(this.#low ^ this.#high, 0x85ebca6b) ^ (this.#high >>> 13);
  }
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(8, '0');
}
