/**
 * Randomness is an argument: a seeded generator, so that a run can be repeated from its seed.
 * The generator is sfc32 (Doty-Humphrey, PractRand): 128 bits of state, fast in 32-bit arithmetic. Not for secrets.
 */

export interface Prng {
  /** A whole number from 0 to 2^32 - 1. */
  next(): number;
}

export class SeededPrng implements Prng {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) >>> 0;
    // Twelve rounds mix a seed of few bits into all of the state.
    for (let i = 0; i < 12; i++) this.next();
  }

  next(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }
}

/** A whole number from 0 to bound - 1. The bias of the remainder is below bound / 2^32. */
export function below(prng: Prng, bound: number): number {
  return prng.next() % bound;
}

/** A number from 0 (included) to 1 (excluded). */
export function fraction(prng: Prng): number {
  return prng.next() / 0x1_0000_0000;
}

/** One of `choices`, which must not be empty. */
export function pick<T>(prng: Prng, choices: readonly [T, ...T[]] | readonly T[]): T {
  return choices[below(prng, choices.length)] as T;
}
