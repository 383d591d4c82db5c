/**
 * What a stored Raft state must look like, and which write may follow it. Pure, shared by every storage; it decides
 * nothing about bytes or files. A violation is a defect of the caller or a damaged disk, never an expected outcome.
 */

import { invariant } from "../core/base/assert.ts"
import { isWellFormed } from "../core/raft/membership.ts"
import type {
  Entry,
  HardState,
  Index,
  Persisted,
  Snapshot,
  Term,
  Write,
} from "../core/raft/types.ts"

/** The part of the stored state that a write is judged by. */
export interface LogView {
  readonly hard: HardState
  readonly snapshot: { readonly index: Index; readonly term: Term }
  /** Index of the last entry, or of the snapshot when the log is empty. */
  readonly lastIndex: Index
  /** Term of a stored entry; only asked for indices above the snapshot and up to `lastIndex`. */
  termAt(index: Index): Term
}

/** Checks a whole state. @throws InvariantError naming the first contradiction. */
export function checkPersisted(persisted: Persisted): void {
  const { hard, snapshot, entries } = persisted
  checkNumber(hard.term, "the term")
  checkSnapshot(snapshot)
  const lastTerm = checkAppend(entries, snapshot.index, snapshot.term)
  invariant(lastTerm <= hard.term, `the log is of term ${lastTerm}, the node of ${hard.term}`)
}

/** Checks that `write` fits the state it is made on. @throws InvariantError; nothing may be written then. */
export function checkWrite(log: LogView, write: Write): void {
  let base = log.snapshot
  let lastIndex = log.lastIndex
  const termAt = (index: Index): Term => (index === base.index ? base.term : log.termAt(index))

  if (write.snapshot !== undefined) {
    const { value, keepTail } = write.snapshot
    checkSnapshot(value)
    invariant(value.index >= base.index, `snapshot ${value.index} is older than ${base.index}`)
    const joins = value.index <= lastIndex && termAt(value.index) === value.term
    invariant(!keepTail || joins, `no entry ${value.index} of term ${value.term} to keep a tail of`)
    if (!keepTail) lastIndex = value.index
    base = value
  }
  if (write.truncateFrom !== undefined) {
    checkNumber(write.truncateFrom, "the truncation")
    invariant(write.truncateFrom > base.index, "a truncation may not reach into the snapshot")
    lastIndex = Math.min(lastIndex, write.truncateFrom - 1)
  }
  const lastTerm = checkAppend(write.append ?? [], lastIndex, termAt(lastIndex))
  checkHard(log.hard, write.hard ?? log.hard)
  const term = (write.hard ?? log.hard).term
  invariant(lastTerm <= term, `the log would be of term ${lastTerm}, the node of ${term}`)
}

function checkHard(old: HardState, next: HardState): void {
  checkNumber(next.term, "the term")
  invariant(next.term >= old.term, `the term would fall from ${old.term} to ${next.term}`)
  // Raft §5.2: one vote per term, whatever happens in between.
  const kept = next.term > old.term || old.votedFor === null || next.votedFor === old.votedFor
  invariant(kept, `the vote of term ${old.term} would change`)
}

/** Returns the term of the last entry. */
function checkAppend(entries: readonly Entry[], lastIndex: Index, lastTerm: Term): Term {
  let term = lastTerm
  entries.forEach((entry, offset) => {
    const expected = lastIndex + 1 + offset
    invariant(entry.index === expected, `entry ${entry.index} stands where ${expected} belongs`)
    checkNumber(entry.term, `the term of entry ${entry.index}`)
    invariant(
      entry.term >= term,
      `entry ${entry.index} is of term ${entry.term}, before it ${term}`,
    )
    const isMalformed = entry.type === "config" && !isWellFormed(entry.config)
    invariant(!isMalformed, `the configuration of entry ${entry.index} is malformed`)
    term = entry.term
  })
  return term
}

/** A joiner's genesis alone names nobody: it has not heard of the cluster yet. */
function checkSnapshot({ index, term, config }: Snapshot): void {
  checkNumber(index, "the snapshot's index")
  checkNumber(term, "the snapshot's term")
  const isJoiner = index === 0 && config.voters.length === 0 && config.learners.length === 0
  invariant(isJoiner || isWellFormed(config), "the snapshot's configuration is malformed")
}

function checkNumber(value: number, what: string): void {
  invariant(Number.isSafeInteger(value) && value >= 0, `${what} is ${value}, not a natural number`)
}
