/**
 * The keys that clients work on: a few slots, so that they meet, each with a new key after so many operations, so that the
 * history of a key stays short enough to be searched.
 *
 *     slot 3:   chaos/3/0   chaos/3/1   chaos/3/2 ...
 */

import { below, type Prng, present } from '../../src/base/index.ts';

export const PREFIX = 'chaos/';
export const SLOTS = 8;

/** Of one key; beyond it the slot has another one. */
const KEY_OPERATIONS_MAX = 250;

interface Slot {
  generation: number;
  operations: number;
  key: string;
  /** What was acknowledged last, for swaps to expect. */
  value: string | undefined;
}

export function slotPrefix(slot: number): string {
  return `${PREFIX}${slot % SLOTS}/`;
}

export class Slots {
  readonly #slots: readonly Slot[] = Array.from({ length: SLOTS }, (_, i) => ({
    generation: 0,
    operations: 0,
    key: `${slotPrefix(i)}0`,
    value: undefined,
  }));

  /** Two keys of different slots, of which the second is for those who need two. */
  draw(prng: Prng): { readonly key: string; readonly other: string; readonly value: string | undefined } {
    const one = below(prng, SLOTS);
    const other = (one + 1 + below(prng, SLOTS - 1)) % SLOTS;
    const { key, value } = this.#use(one);
    return { key, value, other: present(this.#slots[other], 'another slot').key };
  }

  /** The key was seen to have this value. */
  saw(key: string, value: string | undefined): void {
    const slot = this.#slots.find((candidate) => candidate.key === key);
    if (slot !== undefined) slot.value = value;
  }

  #use(index: number): Slot {
    const slot = present(this.#slots[index], 'a slot');
    slot.operations++;
    if (slot.operations > KEY_OPERATIONS_MAX) {
      slot.generation++;
      slot.operations = 1;
      slot.key = `${slotPrefix(index)}${slot.generation}`;
      slot.value = undefined;
    }
    return slot;
  }
}
