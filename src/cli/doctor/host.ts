/** Who hosts the member: looks at the socket first, and at the lock for a moment where nobody listens. */

import { existsSync } from "node:fs"

import { connectToHost } from "../../machine/guest-socket.ts"
import { machineLock } from "../../machine/lock.ts"
import { processesWith } from "../../machine/lock-holder.ts"
import type { ProfileDirectory } from "../../machine/profile.ts"
import { type Check, check, faultOf } from "./check.ts"

const NAME = "host"
const GREETING_MS = 3_000
const SUSPENDED = "it may be suspended, or just starting: continue or end it"

export interface Host {
  readonly check: Check
  /** A session can be opened without a long wait. */
  readonly answers: boolean
}

export async function checkHost(directory: ProfileDirectory): Promise<Host> {
  const contact = await connectToHost(directory.socket, GREETING_MS)
  const who = processText(directory.hostLock)
  switch (contact.type) {
    case "link":
      contact.link.close()
      return { check: check("ok", NAME, `${who} runs the member and answers`), answers: true }
    case "silent": {
      const detail = `${who} runs the member and does not answer`
      return { check: check("fault", NAME, detail, SUSPENDED), answers: false }
    }
    case "refused":
      return { check: faultOf(NAME, contact.error), answers: false }
    case "nobody":
      return byLock(directory, who)
    default:
      return contact satisfies never
  }
}

function byLock({ hostLock }: ProfileDirectory, who: string): Host {
  const free = check("ok", NAME, "no process runs the member; whoever needs it does")
  if (!existsSync(hostLock)) return { check: free, answers: true }
  try {
    const lock = machineLock(hostLock)
    try {
      if (lock.tryAcquire()) return { check: free, answers: true }
    } finally {
      lock.close()
    }
    const detail = `${who} holds the lock and does not listen`
    return { check: check("warn", NAME, detail, SUSPENDED), answers: false }
  } catch (error) {
    return { check: faultOf(NAME, error), answers: false }
  }
}

function processText(hostLock: string): string {
  const pids = processesWith(hostLock)
  if (pids.length === 0) return "a process"
  return pids.length === 1 ? `process ${pids.join()}` : `one of the processes ${pids.join(", ")}`
}
