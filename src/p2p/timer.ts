/** One timer that never keeps the process alive: the network must not delay the exit of an application. */

/** Calls `fire` once, after `delayMs`. @returns cancels; harmless afterwards. */
export function after(delayMs: number, fire: () => void): () => void {
  const timer = setTimeout(fire, delayMs)
  timer.unref()
  return () => clearTimeout(timer)
}
