/**
 * The words of the refresh protocol: what the log says, what every member derives from it, and what one member keeps
 * beside it. Decides shapes only; `fold.ts` holds the rules of acceptance, `agent.ts` what a member does next.
 */

import type { CauseCode, ProviderSettings } from "../oauth/types.ts"
import type { NodeId } from "../raft/types.ts"

/** `<key>.<incarnation>`: the member's public key and how often it had to start anew. Also its Raft node id. */
export type MemberId = NodeId
/** Number of the login, from 1; 0 before the first. Login and logout each advance it. */
export type Epoch = number
/** Number of the committed pair within its epoch, from 1. */
export type Generation = number
/** Number of a turn: the log index of the entry that opened it, hence unique for ever. */
export type TurnNumber = number
/** Keyed hash of a refresh token, hex. Names a pair in the lineage without telling the token. */
export type Lineage = string

/** Sealed bytes with all that is needed to find the key: which algorithm, which numbered key. */
export interface Box {
  readonly algorithm: string
  readonly key: number
  readonly bytes: Uint8Array
}

/** full: may hold a turn. owner-only: gets access tokens only. witness: opens no token. */
export type Capability = "full" | "owner-only" | "witness"

export interface MemberInfo {
  readonly id: MemberId
  /** For people; at most 64 characters, never trusted. */
  readonly name: string
  readonly capability: Capability
  /** X25519 public key, 32 bytes, to which token keys are wrapped. */
  readonly encryptionKey: Uint8Array
}

/** A committed token pair. Both boxes have associated data: cluster, epoch, generation, parent. */
export interface Pair {
  readonly epoch: Epoch
  readonly generation: Generation
  /** Of this pair's refresh token. */
  readonly lineage: Lineage
  /** Of the pair it came from; null for a login. */
  readonly parent: Lineage | null
  /** The {@link Tokens} that every token-opening member may read, under K_at. */
  readonly accessBox: Box
  /** The refresh token, under K_rt. */
  readonly refreshBox: Box
  /** When the request started, epoch ms by the server's clock as its receiver knew it; so are all times in the log. */
  readonly issuedAtMs: number
  /** Of the access token, in ms. Assumed 3,600,000 when the server did not say. */
  readonly lifetimeMs: number
  /** Of the refresh token, in ms; null: unknown. */
  readonly refreshLifetimeMs: number | null
  readonly scope: string | null
  /** Account identity as the login told it; every later pair that names one must name this one. */
  readonly subject: string | null
  /** Its parent was sent more than once, as far as its holder knew. */
  readonly resent: boolean
  /** Who received it. */
  readonly by: MemberId
}

/** A Result's turn and signature, without its pair. */
export interface Proof {
  readonly turn: TurnNumber | null
  readonly signature: Uint8Array
}

/** Inside an access box. */
export interface Tokens {
  readonly accessToken: string
  readonly tokenType: string
}

/** A committed right to spend, and what its holder has told since. No time-out ends it. */
export interface Turn {
  readonly number: TurnNumber
  readonly epoch: Epoch
  readonly generation: Generation
  readonly holder: MemberId
  /** Names the proposal that opened it: its holder noted that name before it asked. */
  readonly proposal: string
  /** The open turn this one replaced (takeover), or null. */
  readonly replaces: TurnNumber | null
  /** Set when the holder reported that it may have spent the token and has no answer. */
  readonly doubt: Doubt | null
}

/** The holder may have spent the token and has no answer. */
export interface Doubt {
  readonly cause: CauseCode
  /** A 200 was seen, and nothing could be saved from it. */
  readonly spent: boolean
  /** When the holder gave the first attempt up, epoch ms. */
  readonly sinceMs: number
  /** When the first request may have left, epoch ms; null: nobody knows. */
  readonly sentAtMs: number | null
  /** How often the token was sent in this turn: once, or once more by the row of its policy. */
  readonly sends: number
}

/** Keys for the boxes, wrapped to each member that may open them. */
export interface KeySet {
  readonly number: number
  readonly wraps: readonly {
    readonly member: MemberId
    readonly access: Uint8Array | null
    readonly refresh: Uint8Array | null
  }[]
}

/** How a turn ended without a pair; reported by its holder alone. */
export type Report =
  | { readonly type: "unspent"; readonly cause: CauseCode }
  | {
      readonly type: "retry-later"
      readonly cause: CauseCode
      readonly notBeforeMs: number
      /** From its answer until then. A date is by its writer's clock; a span is right by every clock. */
      readonly delayMs: number
    }
  | {
      readonly type: "in-doubt"
      readonly cause: CauseCode
      readonly spent: boolean
      readonly atMs: number
      readonly sentAtMs: number | null
      readonly sends: number
    }
  | { readonly type: "rejected"; readonly cause: CauseCode; readonly atMs: number }
  | { readonly type: "misconfigured"; readonly cause: CauseCode; readonly atMs: number }

/** One application entry of the log. Takes effect when applied, by `fold`, or is a recorded no-op. */
export type LogEntry =
  | {
      readonly type: "provider"
      readonly settings: ProviderSettings
      readonly secretBox: Box | null
    }
  | { readonly type: "keys"; readonly keys: KeySet }
  /** Compare-and-set: `pair.epoch` is the epoch it replaces plus one. */
  | { readonly type: "login"; readonly pair: Pair }
  /** Names the epoch it ends. */
  | { readonly type: "logout"; readonly epoch: Epoch }
  | {
      readonly type: "turn"
      readonly epoch: Epoch
      readonly generation: Generation
      readonly holder: MemberId
      readonly replaces: TurnNumber | null
      /** When it was asked for. */
      readonly atMs: number
      /** The busy server's "not before" that was waited for, as the log names it; null: it knew of none. */
      readonly waitedMs: number | null
      /** A person accepted what spending the head once more may cost: an open turn is replaced whatever the policy. */
      readonly consent: boolean
    }
  | {
      readonly type: "result"
      readonly pair: Pair
      readonly turn: TurnNumber | null
      readonly signature: Uint8Array
    }
  | {
      readonly type: "report"
      readonly turn: TurnNumber
      readonly holder: MemberId
      readonly report: Report
    }
  /** A person removed a member. Its open turn ends with it, if the person said that its holder is gone. */
  | { readonly type: "remove"; readonly member: MemberId; readonly holderIsGone: boolean }
  /** A suspect says of the refused head: nothing of mine is on its way with it, and I hold no descendant of it. */
  | {
      readonly type: "vouch"
      readonly member: MemberId
      readonly epoch: Epoch
      readonly generation: Generation
    }

export type ResultEntry = Extract<LogEntry, { type: "result" }>
export type VouchEntry = Extract<LogEntry, { type: "vouch" }>
export type ReportEntry = Extract<LogEntry, { type: "report" }>

/** Both clocks at the moment of an input, in ms: `now` paces, `wall` is the server's time, for lifetimes and waits. */
export interface Instant {
  readonly now: number
  readonly wall: number
  /**
   * Since when, by `wall`, the time is told as it is now: an earlier date may be another clock's. Infinity: the machine was
   * started anew, and nothing has told it the time but a clock that anybody may have set. @defaultValue -Infinity
   */
  readonly knownSinceMs?: number | undefined
}

/** What every member derives from the log, and what a snapshot holds. */
export interface ClusterState {
  readonly clusterId: string
  readonly members: readonly MemberInfo[]
  readonly removed: readonly MemberId[]
  readonly provider: { readonly settings: ProviderSettings; readonly secretBox: Box | null } | null
  /** Oldest first; the last one seals. */
  readonly keys: readonly KeySet[]
  readonly epoch: Epoch
  /** The head; null before the first login and after a logout. */
  readonly pair: Pair | null
  /** What its holder signed the head with; null for a login. Lets a member show the head to one that hears no log. */
  readonly proof: Proof | null
  readonly turn: Turn | null
  /** Latched for exactly this epoch and generation: a person must log in. */
  readonly dead: {
    readonly epoch: Epoch
    readonly generation: Generation
    readonly cause: CauseCode
    readonly atMs: number
  } | null
  /** Nobody asks the server before this wall-clock time, nor waits for longer than this since it was heard of. */
  readonly retry: {
    readonly notBeforeMs: number
    readonly delayMs: number
    readonly cause: CauseCode
  } | null
  /** The server refuses the client; cleared by new provider settings, a login, or a person's `force`. */
  readonly misconfigured: { readonly cause: CauseCode; readonly atMs: number } | null
  /**
   * The head was refused, and `suspects` may have spent it: spent elsewhere, not dead. Each vouches for itself when it is
   * heard; when nobody is left the refusal is a proof.
   */
  readonly refused: {
    readonly cause: CauseCode
    readonly atMs: number
    readonly suspects: readonly MemberId[]
  } | null
  /** Holders whose turn for the current generation ended while they may have spent it (takeover, removal). */
  readonly spenders: readonly MemberId[]
  /** When the newest turn for the head was asked for; null: none was. */
  readonly askedAtMs: number | null
  /**
   * The head's parent may have been sent more than once, the last time at about this: a request of it may still be on its way.
   * Null: it was sent once. More than the head says of itself: its holder may not have known that it was replaced.
   */
  readonly resentAtMs: number | null
  /** Turns that ended without a pair since the last one, for the staged status. */
  readonly failures: number
  /** Why the last of them did; null: none did. */
  readonly lastFailure: CauseCode | null
}

/** Why an entry was a no-op. */
export type Refusal =
  | "no-pair"
  | "wrong-epoch"
  | "wrong-generation"
  | "wrong-parent"
  | "wrong-identity"
  | "turn-open"
  | "not-this-turn"
  | "not-the-holder"
  | "not-a-full-member"
  | "bad-signature"
  | "dead"
  | "too-early"
  | "stale-keys"
  /** The state would outgrow what a snapshot may hold. */
  | "too-many"
  | "not-a-member"
  /** It may be spending the token, and nobody said that it is gone. */
  | "holds-turn"
  | "not-allowed"

export type Verdict =
  | { readonly type: "applied" }
  | { readonly type: "ignored"; readonly refusal: Refusal }

/** The courier's record of one attempt, as judged under its lock. */
export type AttemptRecord =
  /** No row: no byte left. */
  | { readonly type: "none" }
  /** Claimed after connecting; bytes may have left. */
  | { readonly type: "sending" }
  /** The exchange is kept, sealed. */
  | { readonly type: "answered"; readonly sealed: Uint8Array }
  /** Fenced off: nothing was sent and nothing will be. */
  | { readonly type: "void" }

/** Names one attempt: a token, a turn, and the how-manieth send within it (1 unless a policy or a person allows more). */
export interface AttemptKey {
  readonly epoch: Epoch
  readonly generation: Generation
  /** Of the refresh token that is sent: the parent of the pair it may bring. */
  readonly parent: Lineage
  /** {@link ALONE} when it is sent without a turn. */
  readonly turn: TurnNumber
  readonly attempt: number
}

/** Names a token at its place in the lineage: a server that does not rotate gives several generations the same one. */
export type TokenKey = Pick<AttemptKey, "epoch" | "generation" | "parent">

/** The turn of an attempt that no log granted. */
export const ALONE: TurnNumber = 0

/** What members say to each other besides Raft. */
export type PeerMessage =
  /** Somebody needs a newer pair than this one; sent to the leader. */
  | { readonly type: "demand"; readonly epoch: Epoch; readonly generation: Generation }
  /** The leader invites a member to propose itself as holder. Binds nobody. */
  | { readonly type: "offer"; readonly epoch: Epoch; readonly generation: Generation }
  /** The newest pair the sender has applied; told when it changes and when a peer comes up. */
  | {
      readonly type: "newest"
      readonly epoch: Epoch
      readonly generation: Generation
      /** The sender's server time, when it has that from the server or the pair's times are by its clock; else null. */
      readonly serverMs: number | null
    }
  /** The sender hears no leader: who has a newer pair than this one shows it. */
  | { readonly type: "ask"; readonly epoch: Epoch; readonly generation: Generation }
  /** A pair that is newer than the one asked about, committed or recorded, as its holder signed it. */
  | { readonly type: "show"; readonly result: ResultEntry }
