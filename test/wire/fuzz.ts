/** Bytes that are nearly right, and the error they lead to. */

import fc from "fast-check"
import { FrameError } from "../../src/wire/errors.ts"

/** Runs it and gives the typed refusal; anything else fails the test. */
export function refusal(run: () => unknown): FrameError {
  try {
    run()
  } catch (error) {
    if (error instanceof FrameError) return error
    throw error
  }
  throw new Error("it was not refused")
}

/** True when it ends well or with the typed refusal; anything else is thrown on. */
export function endsTyped(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (error instanceof FrameError) return true
    throw error
  }
}

/** Arbitrary bytes, and samples with bytes changed, cut, doubled or inserted. */
export function mutated(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 6 }),
  })
  const edited = fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([sample, edits]) => {
      let bytes = [...sample]
      for (const { at, remove, insert } of edits) {
        const from = Math.floor(at * bytes.length)
        bytes = [...bytes.slice(0, from), ...insert, ...bytes.slice(from + remove)]
      }
      return Uint8Array.from(bytes)
    })
  return fc.oneof({ weight: 4, arbitrary: edited }, fc.uint8Array({ maxLength: 300 }))
}
