/**
 * When to try a peer again: at once, soon, then 1 s to 60 s apart with jitter, for ever. libp2p's own reconnection gives
 * up after half a minute, which is a short sleep for a laptop. What an attempt does is the caller's business.
 */

import { between, type Random } from "../core/base/random.ts"

/** Members that start together miss each other by milliseconds: the first retry is quick. */
const FAST_RETRY_MS = 150
const DELAY_MS_MIN = 1_000
const DELAY_MS_MAX = 60_000
/** A link that lived shorter proves nothing: a peer that accepts and drops us must not be dialled in a loop. */
const STABLE_MS = 5_000

/** Delay before attempt `failures` + 1, in ms; 0 before the first. Up to half of it is jitter. */
export function retryDelayMs(failures: number, random: Random): number {
  if (failures === 0) return 0
  const full =
    failures === 1
      ? FAST_RETRY_MS
      : Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(failures - 2, 16))
  return between(random, full / 2, full)
}

export interface ReconnectOptions {
  /** Tries once, and ends when a link was reported by {@link Reconnect.up} or none will be. */
  readonly attempt: () => Promise<void>
  readonly random: Random
  /** Monotone ms. */
  readonly nowMs: () => number
  /** Calls back once after a delay; gives a cancel function. */
  readonly after: (delayMs: number, fire: () => void) => () => void
}

export interface Reconnect {
  /** A link stands: no attempts until {@link Reconnect.down}. */
  up(): void
  /** The link is gone, or was refused: try again, at once if it had been stable. */
  down(): void
  /** Forgets the failures and tries at once, unless a link stands. */
  kick(): void
  stop(): void
}

/** Begins at once. */
export function reconnect(options: ReconnectOptions): Reconnect {
  let failures = 0
  let upSinceMs: number | null = null
  let trying = false
  let stopped = false
  let cancel: (() => void) | null = null

  const plan = (): void => {
    cancel?.()
    cancel = null
    if (stopped || trying || upSinceMs !== null) return
    cancel = options.after(retryDelayMs(failures, options.random), () => {
      cancel = null
      void attempt()
    })
  }
  const attempt = async (): Promise<void> => {
    trying = true
    await options.attempt().catch(() => undefined)
    trying = false
    // Counted even when a link stands: only one that lasts proves that the attempt was good.
    failures += 1
    plan()
  }
  plan()
  return {
    up() {
      upSinceMs = options.nowMs()
      cancel?.()
      cancel = null
    },
    down() {
      if (upSinceMs !== null && options.nowMs() - upSinceMs >= STABLE_MS) failures = 0
      upSinceMs = null
      plan()
    },
    kick() {
      failures = 0
      plan()
    },
    stop() {
      stopped = true
      cancel?.()
      cancel = null
    },
  }
}
