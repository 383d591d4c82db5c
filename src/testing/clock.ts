/**
 * Virtual time: one queue of events for a whole simulated world, and for each member a pair of clocks that may be wrong
 * in the ways real ones are. Nothing here waits; whoever owns the scheduler moves time.
 */

import { invariant } from "../core/base/assert.ts"
import type { Clock } from "../ports/clock.ts"

/** The world's time, in ms from 0, known to nobody inside it. */
export interface Scheduler {
  readonly nowMs: number
  /** Events not yet run nor cancelled. */
  readonly pending: number
  /**
   * Runs `fire` at `atMs`, or now if that is past; events of one moment run in the order they were scheduled.
   *
   * @returns cancels; harmless afterwards.
   */
  schedule(atMs: number, fire: () => void): () => void
  /** Runs the next event, moving time to it. False: there is none. */
  step(): boolean
  /** Runs everything up to and including `ms`, then stands at `ms`. */
  runUntil(ms: number): void
  runFor(ms: number): void
  /** When the next event is due; null: never. */
  nextAtMs(): number | null
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
  cancelled: boolean
}

/** A run that needs more events than this without time passing has a loop in it. */
const STANDSTILL_MAX = 100_000

/** A scheduler that starts at 0. Deterministic: it depends on what is scheduled and on nothing else. */
export function virtualScheduler(): Scheduler {
  const heap: Event[] = []
  let nowMs = 0
  let order = 0
  let pending = 0
  let standstill = 0

  const skipCancelled = (): Event | undefined => {
    while (heap[0]?.cancelled === true) popEvent(heap)
    return heap[0]
  }
  const step = (): boolean => {
    const next = skipCancelled()
    if (next === undefined) return false
    popEvent(heap)
    standstill = next.atMs > nowMs ? 0 : standstill + 1
    invariant(standstill < STANDSTILL_MAX, `time stands still at ${nowMs} ms`)
    nowMs = Math.max(nowMs, next.atMs)
    next.cancelled = true
    pending -= 1
    next.fire()
    return true
  }
  const runUntil = (ms: number): void => {
    for (;;) {
      const next = skipCancelled()
      if (next === undefined || next.atMs > ms) break
      step()
    }
    nowMs = Math.max(nowMs, ms)
  }
  return {
    get nowMs() {
      return nowMs
    },
    get pending() {
      return pending
    },
    schedule(atMs, fire) {
      invariant(!Number.isNaN(atMs), "an event needs a time")
      const event: Event = { atMs: Math.max(atMs, nowMs), order, fire, cancelled: false }
      order += 1
      pending += 1
      pushEvent(heap, event)
      return () => {
        if (event.cancelled) return
        event.cancelled = true
        pending -= 1
      }
    },
    step,
    runUntil,
    runFor: (ms) => runUntil(nowMs + ms),
    nextAtMs: () => skipCancelled()?.atMs ?? null,
  }
}

const before = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

function pushEvent(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parentAt = (at - 1) >> 1
    const parent = heap[parentAt]
    if (parent === undefined || !before(event, parent)) break
    heap[at] = parent
    at = parentAt
  }
  heap[at] = event
}

function popEvent(heap: Event[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let childAt = at * 2 + 1
    const left = heap[childAt]
    if (left === undefined) break
    const right = heap[childAt + 1]
    let child = left
    if (right !== undefined && before(right, left)) {
      child = right
      childAt += 1
    }
    if (!before(child, last)) break
    heap[at] = child
    at = childAt
  }
  heap[at] = last
}

export interface MemberClockOptions {
  /** Wall clock at the world's time 0, epoch ms. @defaultValue 1_800_000_000_000 */
  readonly wallOffsetMs?: number | undefined
  /** How much faster than the world both clocks run, e.g. 0.0001. Greater than -1. @defaultValue 0 */
  readonly drift?: number | undefined
  /** Monotone clock at the world's time 0. @defaultValue 0 */
  readonly monotoneOffsetMs?: number | undefined
  /** Whether the monotone clock runs on during sleep: macOS and Windows do so, Linux does not. @defaultValue false */
  readonly countsSleep?: boolean | undefined
  /** World time at which the machine was started: its uptime counts from here. @defaultValue 0 */
  readonly bootedAtMs?: number | undefined
}

export interface MemberClock extends Clock {
  /** Moves the wall clock alone, as NTP or a person does; timers do not notice. */
  jumpWall(ms: number): void
  /** The machine sleeps: no timer fires until {@link MemberClock.wake}. */
  sleep(): void
  /** Timers that came due meanwhile fire at once, in their order; without `countsSleep` none did. */
  wake(): void
  readonly asleep: boolean
  /** Cancels every timer: the process died. Later timers never fire. */
  stop(): void
}

interface Timer {
  readonly atMs: number
  readonly fire: () => void
  cancel: () => void
}

/** A member's clocks over the world's time. */
export function memberClock(scheduler: Scheduler, options: MemberClockOptions = {}): MemberClock {
  const rate = 1 + (options.drift ?? 0)
  invariant(rate > 0, "drift must be greater than -1")
  const timers = new Set<Timer>()
  let wallOffsetMs = options.wallOffsetMs ?? 1_800_000_000_000
  let monotoneOffsetMs = options.monotoneOffsetMs ?? 0
  const bootedAtMs = options.bootedAtMs ?? 0
  let asleepSinceMs: number | null = null
  let stopped = false

  const localMs = (worldMs: number): number => worldMs * rate + monotoneOffsetMs
  const nowMs = (): number =>
    localMs(options.countsSleep === true ? scheduler.nowMs : (asleepSinceMs ?? scheduler.nowMs))
  const arm = (timer: Timer): void => {
    let worldMs = (timer.atMs - monotoneOffsetMs) / rate
    // Rounding must not wake a member a hair before its deadline: it would ask again, for ever, at one moment.
    while (localMs(worldMs) < timer.atMs) worldMs += 1e-6
    timer.cancel = scheduler.schedule(worldMs, () => {
      timers.delete(timer)
      timer.fire()
    })
  }
  const disarmAll = (): void => {
    for (const timer of timers) timer.cancel()
  }
  return {
    nowMs,
    wallMs: () => Math.round(scheduler.nowMs * rate + wallOffsetMs),
    uptimeMs: () => (scheduler.nowMs - bootedAtMs) * rate,
    bootId: () => `boot ${bootedAtMs}`,
    timer(atMs, fire) {
      if (stopped) return () => undefined
      const timer: Timer = { atMs, fire, cancel: () => undefined }
      timers.add(timer)
      if (asleepSinceMs === null) arm(timer)
      return () => {
        timer.cancel()
        timers.delete(timer)
      }
    },
    jumpWall(ms) {
      wallOffsetMs += ms
    },
    get asleep() {
      return asleepSinceMs !== null
    },
    sleep() {
      if (asleepSinceMs !== null) return
      asleepSinceMs = scheduler.nowMs
      disarmAll()
    },
    wake() {
      if (asleepSinceMs === null) return
      if (options.countsSleep !== true) {
        monotoneOffsetMs -= (scheduler.nowMs - asleepSinceMs) * rate
      }
      asleepSinceMs = null
      for (const timer of [...timers].toSorted((a, b) => a.atMs - b.atMs)) arm(timer)
    },
    stop() {
      stopped = true
      disarmAll()
      timers.clear()
    },
  }
}
