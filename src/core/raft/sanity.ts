/**
 * Is a peer's message one that an honest peer could send? The wire checked its shape; this checks its numbers, so that
 * nothing behind it meets a negative index, a hole or a term that cannot be counted up. The rest is dropped unanswered.
 */

import { isWellFormed } from "./membership.ts"
import type { AppendRequest, Entry, Index, RaftMessage, Term } from "./types.ts"

/** Above it no message is heard and no election is started: there is room to count for ever below. */
export const TERM_MAX: Term = 2 ** 52

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isPosition(index: Index, term: Term, termMax: Term): boolean {
  if (!isCount(index) || !isCount(term) || term > termMax) return false
  return index > 0 || term === 0
}

function isEntry(entry: Entry, index: Index, termMin: Term, termMax: Term): boolean {
  if (entry.index !== index || !isPosition(entry.index, entry.term, termMax)) return false
  if (entry.term < termMin || entry.term === 0) return false
  return entry.type !== "config" || isWellFormed(entry.config)
}

function isSaneAppend(message: AppendRequest): boolean {
  if (!isPosition(message.prevIndex, message.prevTerm, message.term)) return false
  if (!isCount(message.commit)) return false
  return message.entries.every((entry, i) => {
    const before = message.entries[i - 1]?.term ?? message.prevTerm
    return isEntry(entry, message.prevIndex + 1 + i, before, message.term)
  })
}

export function isSane(message: RaftMessage): boolean {
  if (!isCount(message.term) || message.term > TERM_MAX) return false
  switch (message.type) {
    case "vote":
      return message.term > 0 && isPosition(message.lastIndex, message.lastTerm, message.term)
    case "append":
      return message.term > 0 && isSaneAppend(message)
    case "append-response":
      return isCount(message.index) && isCount(message.hintTerm) && isCount(message.refused)
    case "leader-durable":
      return isCount(message.index)
    case "snapshot": {
      const { index, term, config } = message.snapshot
      return index > 0 && isPosition(index, term, message.term) && isWellFormed(config)
    }
    case "vote-response":
    case "forward":
    case "forward-response":
    case "timeout-now":
      return true
    default:
      message satisfies never
      return false
  }
}
