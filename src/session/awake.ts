/** What keeps the process alive: a caller that waits, and nothing else of ours. */

const LONG_MS = 1_000_000_000

/** Without it a process that only awaits would end in the middle, since timers and sockets here never hold it. */
export async function whileAwake<T>(work: Promise<T>): Promise<T> {
  const handle = setInterval(() => {}, LONG_MS)
  try {
    return await work
  } finally {
    clearInterval(handle)
  }
}
