/**
 * The model's words in production's: views become cluster states, entries log entries, and back. What the model leaves out
 * (boxes, lifetimes, causes) is filled in with constants; what production leaves out (`lastTurn`) is not compared.
 */

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import { fold, genesis } from "../../src/core/refresh/fold.ts"
import type {
  ClusterState,
  LogEntry,
  MemberInfo,
  Pair,
  Refusal,
  Report,
} from "../../src/core/refresh/types.ts"
import { type Entry, has, type Lineages, type Token, type View } from "./log.ts"
import type { Policy } from "./server.ts"
import { at } from "./state.ts"

export type Comparable = Omit<View, "lastTurn" | "members">

/** What production says: the next view, or why it ignores the entry. */
export type Said = Comparable | Refusal

const BYTES = new Uint8Array([1])
const BOX = { algorithm: "none", key: 1, bytes: BYTES }
const DOUBT = { cause: "model", spent: false, sinceMs: 1, sentAtMs: 1, sends: 1 }
const ENDED = { cause: "model", atMs: 1 }

const nameOf = (member: number): string => `m${member}`
const lineageOf = (token: Token): string => `token ${token}`

const POLICIES: Readonly<Record<Policy, ReplayPolicy>> = {
  strict: { type: "strict" },
  reject: { type: "reject" },
  "grace-same": { type: "grace", windowSeconds: 30, answers: "same" },
  "grace-new": { type: "grace", windowSeconds: 30, answers: "new" },
  confirm: { type: "confirm" },
  // Production's `idempotent` has no window; one with a window is `grace` to it.
  idempotent: { type: "grace", windowSeconds: 30, answers: "same" },
  "idempotent-last": { type: "idempotent" },
  "idempotent-forever": { type: "idempotent" },
  "multi-use": { type: "multi-use" },
}

/** The fields that both have, in one order. */
export function comparable(view: Comparable): Comparable {
  const { head, turn, holder, tookOver, doubt, dead, refused } = view
  const { epoch, family, removed, spenders, suspects } = view
  return {
    head,
    turn,
    holder,
    tookOver,
    doubt,
    dead,
    refused,
    epoch,
    family,
    removed,
    spenders,
    suspects,
  }
}

export class Production {
  readonly #members: readonly MemberInfo[]
  readonly #policy: ReplayPolicy
  readonly #lineages: Lineages

  constructor(members: number, policy: Policy, lineages: Lineages) {
    this.#members = Array.from({ length: members }, (_, member) => ({
      id: nameOf(member),
      name: nameOf(member),
      capability: "full",
      encryptionKey: BYTES,
    }))
    this.#policy = POLICIES[policy]
    this.#lineages = lineages
  }

  /** Folds the entry into the view, both as production has them. `epoch`: of the token it names, if it names one. */
  fold(view: View, entry: Entry, epoch: number): Said {
    const index = entry.type === "turn" ? entry.turn : 1_000
    const { state, verdict } = fold(this.#state(view), this.#entry(view, entry, epoch), {
      index,
      signed: true,
    })
    return verdict.type === "ignored" ? verdict.refusal : this.#view(state)
  }

  #state(view: View): ClusterState {
    const { head, epoch } = view
    const generation = at(this.#lineages.generation, head)
    const outside = (bits: number): string[] =>
      this.#members.filter((_, member) => has(bits, member)).map(({ id }) => id)
    return {
      ...genesis("model", []),
      members: this.#members.filter((_, member) => !has(view.removed, member)),
      removed: outside(view.removed),
      provider: {
        secretBox: null,
        settings: {
          issuer: "https://as.example",
          tokenEndpoint: null,
          clientId: "model",
          clientAuthentication: "none",
          scope: null,
          replayPolicy: this.#policy,
        },
      },
      epoch,
      pair: head === 0 ? null : this.#pair(head, epoch, nameOf(0)),
      turn:
        view.turn === 0
          ? null
          : {
              number: view.turn,
              proposal: "",
              epoch,
              generation,
              holder: nameOf(view.holder),
              replaces: view.tookOver ? view.turn - 1 : null,
              doubt: view.doubt ? DOUBT : null,
            },
      dead: view.dead ? { ...ENDED, epoch, generation } : null,
      refused: view.refused ? { ...ENDED, suspects: outside(view.suspects) } : null,
      spenders: outside(view.spenders),
    }
  }

  #pair(token: Token, epoch: number, by: string): Pair {
    const parent = at(this.#lineages.parent, token)
    const pair = {
      epoch,
      generation: at(this.#lineages.generation, token),
      lineage: lineageOf(token),
      parent: parent === 0 ? null : lineageOf(parent),
      accessBox: BOX,
      refreshBox: BOX,
      issuedAtMs: 0,
      lifetimeMs: 3_600_000,
      refreshLifetimeMs: null,
      scope: null,
      subject: null,
      resent: false,
      by,
    }
    return pair
  }

  #entry(view: View, entry: Entry, epoch: number): LogEntry {
    const someone = this.#members.find((_, member) => !has(view.removed, member))?.id ?? ""
    const report = (turn: number, told: Report): LogEntry => {
      // Only a holder reports: of a turn that is not open, which one it was does not matter.
      return { type: "report", turn, holder: nameOf(Math.max(view.holder, 0)), report: told }
    }
    switch (entry.type) {
      case "turn": {
        const generation = at(this.#lineages.generation, entry.token)
        const replaces = entry.replaces === 0 ? null : entry.replaces
        return {
          type: "turn",
          epoch,
          generation,
          holder: nameOf(entry.holder),
          replaces,
          atMs: 0,
          waitedMs: null,
          consent: false,
        }
      }
      case "unspent":
        return report(entry.turn, { type: "unspent", cause: "model" })
      case "doubt":
        return report(entry.turn, { type: "in-doubt", ...DOUBT, atMs: 1 })
      case "rejected":
        return report(entry.turn, { type: "rejected", ...ENDED })
      case "result": {
        // Whoever received it may be removed by now; the first member is, in some views.
        const pair = this.#pair(entry.token, epoch, nameOf(0))
        return { type: "result", pair, turn: null, signature: BYTES }
      }
      case "vouch": {
        const generation = at(this.#lineages.generation, entry.token)
        return { type: "vouch", member: nameOf(entry.member), epoch, generation }
      }
      case "remove":
        return { type: "remove", member: nameOf(entry.member), holderIsGone: true }
      case "login":
        return { type: "login", pair: this.#pair(entry.token, entry.epoch + 1, someone) }
      case "logout":
        return { type: "logout", epoch: entry.epoch }
      default:
        return entry satisfies never
    }
  }

  #view(state: ClusterState): Comparable {
    const { pair, turn } = state
    const bits = (ids: readonly string[]): number =>
      this.#members.reduce(
        (sum, { id }, member) => (ids.includes(id) ? sum | (1 << member) : sum),
        0,
      )
    const head = pair === null ? 0 : Number(pair.lineage.slice("token ".length))
    return {
      head,
      turn: turn?.number ?? 0,
      holder: turn === null ? -1 : this.#members.findIndex(({ id }) => id === turn.holder),
      tookOver: (turn?.replaces ?? null) !== null,
      doubt: (turn?.doubt ?? null) !== null,
      dead: state.dead !== null,
      refused: state.refused !== null,
      epoch: state.epoch,
      family: head === 0 ? 0 : at(this.#lineages.family, head),
      removed: bits(state.removed),
      spenders: bits(state.spenders),
      suspects: bits(state.refused?.suspects ?? []),
    }
  }
}
