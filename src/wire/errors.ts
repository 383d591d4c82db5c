/**
 * Why bytes from outside were refused. Decides the reasons; what happens to the connection or the file they came from is
 * the caller's business.
 */

export type FrameReason =
  /** Longer than its cap, as announced or as made. */
  | "too-long"
  | "empty"
  /** Not msgpack, cut short, or followed by more bytes. */
  | "malformed"
  | "too-deep"
  /** More values than any message of ours has. */
  | "too-many"
  /** Well-formed msgpack of a kind we never write: extensions, keys that are no strings. */
  | "not-plain"
  /** Plain values of the wrong shape. */
  | "invalid"

/**
 * The one error of every decoder in this room. Its text names a reason and a place in the schema, never content: what
 * was refused may hold a token.
 */
export class FrameError extends Error {
  override readonly name: string = "FrameError"
  readonly reason: FrameReason
  /** Path of the first field that did not fit, such as `message.entries.0.term`; empty when there is none. */
  readonly where: string

  constructor(reason: FrameReason, where = "") {
    super(where === "" ? reason : `${reason} at ${where}`)
    this.reason = reason
    this.where = where
  }
}
