/**
 * What a leader knows of one peer. One message with entries is in flight per peer; the next leaves when it is
 * answered, and a heartbeat asks again when it is not.
 */

import type { Index, Millis } from "./types.ts"

/** The message that waits for its answer. */
export type Inflight =
  | {
      readonly type: "append"
      /** Where the peer's log reaches if it agrees. */
      readonly last: Index
      readonly commit: Index
      /** False: only news to a peer that is in step; entries need not wait for its answer. */
      readonly holds: boolean
    }
  | { readonly type: "snapshot"; readonly index: Index; readonly sentAt: Millis }

export interface Progress {
  /** Highest index known to be durable there; never falls within a term. */
  match: Index
  /** First index to send; more than `match + 1` only while looking for where the logs part. */
  next: Index
  inflight: Inflight | null
  /** The commit index it is known to have heard of. */
  commit: Index
  /** The commit index it was told while it still owed an answer to entries. */
  noticed: Index
  /** How far it was told that the leader's disk reaches. What it has as well it knows to be committed. */
  durable: Index
  /** When it last answered in this term. */
  heardAt: Millis
}

/** May entries, or news of a commit, be sent now? */
export function isFree(progress: Progress): boolean {
  const { inflight } = progress
  return inflight === null || (inflight.type === "append" && !inflight.holds)
}

export function newProgress(next: Index, now: Millis): Progress {
  return { match: 0, next, inflight: null, commit: 0, noticed: 0, durable: 0, heardAt: now }
}

/** The peer holds everything up to `index`. Late and repeated answers change nothing they should not. */
export function acknowledge(progress: Progress, index: Index): void {
  progress.match = Math.max(progress.match, index)
  progress.next = Math.max(progress.next, progress.match + 1)
  progress.commit = Math.max(progress.commit, Math.min(progress.durable, progress.match))
  const inflight = progress.inflight
  if (inflight === null) return
  switch (inflight.type) {
    case "append":
      if (index < inflight.last) return
      progress.commit = Math.max(progress.commit, Math.min(inflight.commit, index))
      if (progress.noticed > progress.commit) {
        // The answer to the notice is still to come.
        const commit = progress.noticed
        progress.inflight = { type: "append", last: inflight.last, commit, holds: false }
        return
      }
      break
    case "snapshot":
      // Not only the exact index: a peer that got there another way leaves the snapshot state too (etcd raft#110).
      if (index < inflight.index) return
      progress.commit = Math.max(progress.commit, inflight.index)
      break
    default:
      return inflight satisfies never
  }
  progress.inflight = null
}

/**
 * The peer refused an append after `refused`; the logs agree at most up to `agreeable`. Stale refusals are ignored.
 *
 * One of what the peer has acknowledged comes from a disk that was put back. Ignored as well, it would be told the same until
 * there is another leader; told everything anew, it costs a few messages when the refusal was stale after all.
 */
export function refuse(progress: Progress, refused: Index, agreeable: Index): void {
  if (progress.inflight?.type === "snapshot") return
  if (refused < progress.match || refused !== progress.next - 1) return
  if (refused === progress.match && refused > 0) forget(progress)
  progress.next = Math.max(progress.match + 1, Math.min(refused, agreeable + 1))
  progress.inflight = null
}

function forget(progress: Progress): void {
  progress.match = 0
  progress.commit = 0
  progress.noticed = 0
}
