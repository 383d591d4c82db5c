/**
 * The terminal's stop signal (SIGTSTP, Ctrl-Z). Decides what comes first: whoever holds what others wait for lets go of it,
 * and then the process stops as it would have. A process that is stopped in another way keeps what it holds.
 */

import { setTimeout as pause } from "node:timers/promises"
import { isMainThread } from "node:worker_threads"

export interface StopWatcher {
  /** The process is about to stop, and waits for this. */
  readonly stop: () => Promise<void>
  /** It goes on. */
  readonly resume: () => void
}

/** Where the application has a handler too, it stops the process or does not; either way nobody says when it goes on. */
const OTHERS_MS = 1_000

const watchers = new Set<StopWatcher>()
let isStopping = false

/**
 * Tells `watcher` of the next stop signal, once. While anybody is told, the signal's own effect waits.
 *
 * @returns ends it.
 */
export function beforeStop(watcher: StopWatcher): () => void {
  // Windows has no such signal, and a worker thread hears of none.
  if (process.platform === "win32" || !isMainThread) return () => {}
  // One listener for all: Node warns of more than ten.
  if (watchers.size === 0) process.on("SIGTSTP", onStop)
  watchers.add(watcher)
  return () => forget(watcher)
}

function forget(watcher: StopWatcher): void {
  if (watchers.delete(watcher) && watchers.size === 0) process.off("SIGTSTP", onStop)
}

function onStop(): void {
  // Who presses the keys again does not make it faster.
  if (!isStopping) void stop()
}

async function stop(): Promise<void> {
  isStopping = true
  const told = [...watchers]
  await Promise.allSettled(told.map((watcher) => watcher.stop()))
  for (const watcher of told) forget(watcher)
  // Without a listener the signal has its own effect: the process stops in this very call, until it is continued.
  if (process.listenerCount("SIGTSTP") === 0) process.kill(process.pid, "SIGTSTP")
  else await pause(OTHERS_MS, undefined, { ref: false })
  isStopping = false
  for (const watcher of told) watcher.resume()
}
