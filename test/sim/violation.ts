/** Something that must not be. The simulation ends with it. */

export class Violation extends Error {
  override readonly name = 'Violation';
}

/** `what` is put together only if it is needed: most checks hold. */
export function ensure(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Violation(what());
}
