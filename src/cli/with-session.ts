/**
 * Opens the profile's session for as long as a command needs it. Decides how long a short-lived member waits before it
 * speaks, and that a profile which was never set up is not made by looking at it.
 */

import { statSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

import { notInitialized } from "../session/record.ts"
import type { Session } from "../session/types.ts"
import { type Context, orInterrupted } from "./context.ts"

/**
 * What the members' newest state takes to arrive at a member that has just started, in ms: an election takes up to 2 s
 * only where most members are away, and then there is nothing to wait for.
 */
const SETTLING_MS = 1_000

/** @throws QuorateError `NOT_INITIALIZED` when there is no such directory. */
export function requireProfile(path: string): void {
  let found: unknown
  try {
    found = statSync(path, { throwIfNoEntry: false })
  } catch {
    // It is there or not: whoever opens it says what is wrong with it.
    return
  }
  if (found === undefined) throw notInitialized(path)
}

/** Opens the session, works with it until it is done or a signal ends the command, closes it whatever happens. */
export async function withSession<T>(
  context: Context,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return keepSession(context, (session) => orInterrupted(work(session), context.signal))
}

/** The same for `work` that ends by itself when a signal comes. */
export async function keepSession<T>(
  { profile }: Context,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  requireProfile(profile)
  const { openSession } = await import("../session/open.ts")
  const session = await openSession({ profile })
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** Waits until the member knows what its cluster knows, or `patienceMs` have passed. */
export async function settled(
  session: Session,
  signal: AbortSignal,
  patienceMs: number = SETTLING_MS,
): Promise<boolean> {
  const isSettled = (): boolean => {
    const { cause, leader } = session.status()
    return leader !== null && cause !== "starting"
  }
  const endsAtMs = performance.now() + patienceMs
  while (!isSettled()) {
    if (performance.now() >= endsAtMs) return false
    await sleep(20, undefined, { signal })
  }
  return true
}
