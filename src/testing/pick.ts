/** One of several, drawn. */

import { below, type Random } from "../core/base/random.ts"

export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)]
  if (item === undefined) throw new RangeError("nothing to pick from")
  return item
}
