/**
 * Sets the wall clock of this process alone, as a person or a time server would set the machine's: what `Date` tells jumps, the
 * clocks that nobody sets go on. Decides nothing about who jumps when. The processes that this one starts keep the right time.
 */

const Real = Date
let offMs = 0

class Shifted extends Real {
  constructor(...parts: readonly unknown[]) {
    // A date of its own parts is what it says; "now" is what the wall shows.
    super(...((parts.length === 0 ? [Shifted.now()] : parts) as [number]))
  }

  static override now(): number {
    return Real.now() + offMs
  }
}

/** From now on `Date` is off by so much, in ms. */
export function setWallClock(ms: number): void {
  offMs = ms
  globalThis.Date = Shifted as DateConstructor
}
