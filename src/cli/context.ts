/** What every command is given, and the ways it may end early. */

import type { Output } from "./output.ts"

export interface Context {
  readonly output: Output
  /** Absolute path of the profile's directory; it need not exist. */
  readonly profile: string
  /** Aborted, with the `Interrupted` to throw, when a signal asks the command to end. */
  readonly signal: AbortSignal
}

/** What `work` gives, or the signal's reason as soon as it is aborted; `work` itself goes on. */
export async function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener("abort", stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener("abort", stop)
  }
}

/** Resolves when `signal` is aborted. */
export function abortOf(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true })
  })
}
