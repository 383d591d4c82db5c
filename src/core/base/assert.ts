/** Assertions of the pure floor: a broken invariant of our own stops the member, never the host application. */

/** A broken invariant. The driver that catches it stops its member and reports `INTERNAL`. */
export class InvariantError extends Error {
  override readonly name: string = "InvariantError"
}

/** Throws {@link InvariantError} unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
