/** The order of pairs: by login, then by generation within it. Of two with the same place neither is older. */

import type { Epoch, Generation } from "./types.ts"

/** A login's number and a pair's number within it. */
export interface Head {
  readonly epoch: Epoch
  readonly generation: Generation
}

export function isOlder(a: Head, b: Head): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.generation < b.generation)
}
