/** The switches of the protocol, and the bounds of a search. `SAFE` is the design; each variant differs by a field or two. */

import type { Policy } from "./server.ts"

export interface Rules {
  readonly policy: Policy
  /** Who makes the POST: a process of its own, or the application (then a crash of it loses the answer). */
  readonly sender: "courier" | "application"
  /** The courier claims its attempt, synced, before the first byte. */
  readonly claims: boolean
  /** Whoever judges a record asks for the courier's lock first. */
  readonly locks: boolean
  /** An attempt without a record is fenced off (`void`, synced) before it is reported unspent. */
  readonly fences: boolean
  /** The courier refuses a go that is older than 5 s, by a clock that runs in sleep. */
  readonly refusesOldGo: boolean
  /** A turn found after a restart is judged; `spent`: spent as if it were new. */
  readonly foundTurn: "judged" | "spent"
  /** The courier repeats a lost POST by itself. */
  readonly repeats: boolean
  /** Another member may replace an open turn: never, where the policy's row allows it, or after some time in any policy. */
  readonly takeover: "never" | "policy" | "expiry"
  /** The holder in doubt resends once: never, when its first request is gone for good, or at any time. */
  readonly resend: "never" | "gone" | "any"
  /** A generation that was sent twice is followed by no turn until every earlier courier has reported or its time is up. */
  readonly settles: boolean
  /** A window of the server is long against a POST: it cannot close while one is on its way. */
  readonly margin: boolean
  /** The idempotency key belongs to the generation or to the turn. */
  readonly key: "generation" | "turn"
  /** When a pair may be used: once committed; committed, or recorded while alone; at once. */
  readonly use: "committed" | "recorded-alone" | "at-once"
  /** The journal keeps every link that is not committed yet, or the newest pair only. */
  readonly keeps: "chain" | "newest"
  /** Who spends without quorum (besides a holder its own turn): nobody, anybody, a holder also later generations. */
  readonly alone: "nobody" | "anybody" | "holder-on"
  /** Each member has a machine of its own, or all share one journal and one lock; `leaky`: the lock is let go too early. */
  readonly machine: "own" | "shared" | "leaky"
  /**
   * What makes a refusal final: it alone; that no earlier holder of this head may have spent it; and, under `reject`, that
   * everybody else who may have spent it alone has vouched for itself (`fold`).
   */
  readonly latch: "refusal" | "spenders" | "vouched"
  /** Whether a suspect looks at its journal and its courier before it says that it did not spend the head. */
  readonly vouches: "when-clean" | "at-once"
  /** No turn opens on a head that was refused, also when it was asked for before. */
  readonly refusalCloses: boolean
  /** A pair is accepted by its parent, or by a higher generation. */
  readonly accepts: "parent" | "generation"
  /** Login and logout name the epoch that they end. */
  readonly comparesEpoch: boolean
  /** A removed member may hand in the pair that it received. */
  readonly surrenders: boolean
  /**
   * A member whose disk went back: `reborn` takes a new incarnation when it meets the others, its open turn is in doubt and
   * it sends nothing before; `unnoticed`; reborn but `unspent` for its open turn; reborn but `acting` on its records before.
   * `intent`: what it meant to ask for is in its journal before it asks, and its turn without that row is in doubt;
   * `intent-idle`: the same, when images are taken only while it has no turn.
   */
  readonly rollback: "reborn" | "unnoticed" | "unspent" | "acting" | "intent" | "intent-idle"
  /** What a restarted member has applied: all that it had, or what its snapshot holds until it hears the others. */
  readonly restart: "knows-all" | "knows-snapshot"
  /** Whether a step sees who is connected; `unseen`: whoever is up may be, and may not be (for traces of production). */
  readonly connections: "seen" | "unseen"
  /** Ask the invariants also after a person removed the holder of an open turn. */
  readonly asksAfterGamble: boolean
}

export const SAFE: Rules = {
  policy: "strict",
  sender: "courier",
  claims: true,
  locks: true,
  fences: true,
  refusesOldGo: true,
  foundTurn: "judged",
  repeats: false,
  takeover: "never",
  resend: "gone",
  settles: true,
  margin: true,
  key: "generation",
  use: "recorded-alone",
  keeps: "chain",
  alone: "nobody",
  machine: "own",
  latch: "vouched",
  vouches: "when-clean",
  refusalCloses: true,
  accepts: "parent",
  comparesEpoch: true,
  surrenders: true,
  rollback: "reborn",
  restart: "knows-all",
  connections: "seen",
  asksAfterGamble: false,
}

/** What may happen how often in one run. */
export const EVENTS = [
  "appCrash",
  "machineCrash",
  "loss",
  "throttle",
  "partition",
  "sleep",
  "delay",
  "takeover",
  "unspent",
  "login",
  "logout",
  "override",
  "remove",
  "image",
] as const
export type Happening = (typeof EVENTS)[number]

export interface Bounds extends Readonly<Record<Happening, number>> {
  readonly members: number
  /** Bits of the voters. */
  readonly voters: number
  /** Refreshes go on up to this generation in the first epoch. */
  readonly generations: number
  /** The same for logins that come later. */
  readonly later: number
}
