/**
 * Invariants. A broken invariant is a bug of ours, never a bad request: it stops the node (see ARCHITECTURE.md, "Errors"),
 * because a member that goes on after it has lost its footing can lose what others entrusted to it.
 */

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError unless `condition` holds. `message` says what was expected, with the values that broke it. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the default branch of a switch over a union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value: ${String(value)}`);
}

/** The value, which is known to be there. For array elements and map entries whose presence the code around has established. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new InvariantError(`missing: ${what}`);
  return value;
}
