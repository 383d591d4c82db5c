/**
 * Where the authorization server keeps its tokens, in memory. Decides what a second use of a refresh token meets; the
 * grant itself is left to oidc-provider, which asks this store whether a token lives, is spent, or was never there.
 *
 * `consume` is a compare-and-set: of two requests that both found the token alive, one wins. Without it the real server
 * hands out two living successors of one token (60 of 60 tries with any asynchronous store).
 */

import type { Adapter, AdapterPayload } from "oidc-provider"
import { pause } from "./pause.ts"
import type { AuthorizationServerKnobs } from "./types.ts"

interface Row {
  readonly payload: AdapterPayload
  readonly expiresAtMs: number
}

/** What a refresh token has been through, beside its payload. */
interface History {
  consumedAtMs: number | null
  /** Policy `confirm`: a successor was used, so this token no longer works. */
  confirmed: boolean
  parent: string | null
  /** The newest successor, and the access token that came with it. */
  successor: string | null
  accessToken: string | null
}

/** `live` refreshes; `spent` is reuse and kills the family; `unknown` is refused and harms nobody. */
type Standing = "live" | "spent" | "unknown"

const key = (model: string, id: string): string => `${model}:${id}`

export interface StoreHooks {
  /** Two requests raced for one token under a strict policy: its family was killed. */
  readonly onReuse: (grantId: string) => void
  /** The error that the real server answers as `invalid_grant`. */
  readonly refusal: (detail: string) => Error
}

export class TokenStore {
  readonly #knobs: AuthorizationServerKnobs
  readonly #hooks: StoreHooks
  readonly #rows = new Map<string, Row>()
  readonly #histories = new Map<string, History>()
  readonly #members = new Map<string, Set<string>>()
  readonly #revoked = new Set<string>()
  readonly #refreshTokenOf = new Map<string, string>()

  constructor(knobs: AuthorizationServerKnobs, hooks: StoreHooks) {
    this.#knobs = knobs
    this.#hooks = hooks
  }

  adapter(model: string): Adapter {
    return {
      upsert: async (id, payload, ttl) => {
        if (this.#failsAfterConsume(model, payload)) throw new Error("failed after consume")
        this.#upsert(model, id, payload, ttl ?? Number.POSITIVE_INFINITY)
      },
      find: async (id) =>
        model === "RefreshToken" ? this.#findRefreshToken(id) : this.#read(model, id),
      findByUserCode: async (code) => this.#search(model, (row) => row.userCode === code),
      findByUid: async (uid) => this.#search(model, (row) => row.uid === uid),
      consume: async (id) => (model === "RefreshToken" ? this.#consume(id) : this.#mark(model, id)),
      destroy: async (id) => void this.#rows.delete(key(model, id)),
      revokeByGrantId: async (grantId) => this.#revokeGrant(grantId),
    }
  }

  /** Not superseded, not expired, family alive. */
  isCurrent(refreshToken: string): boolean {
    const history = this.#histories.get(refreshToken)
    if (history === undefined || this.#read("RefreshToken", refreshToken) === undefined)
      return false
    return history.consumedAtMs === null || this.#knobs.replayPolicy.type === "multi-use"
  }

  /** False also for a token that was never here. */
  familyLives(refreshToken: string): boolean {
    const grantId = this.#grantOf(refreshToken)
    return grantId !== undefined && !this.#revoked.has(grantId)
  }

  /** A refresh took effect: `successor` and `accessToken` were issued for `parent`. */
  link(parent: string, successor: string, accessToken: string): void {
    const old = this.#histories.get(parent)
    const fresh = this.#histories.get(successor)
    if (old === undefined || fresh === undefined) return
    // Latest replay wins, as WSO2 does it: an earlier unconfirmed sibling dies.
    if (this.#knobs.replayPolicy.type === "confirm" && old.successor !== null) {
      this.#rows.delete(key("RefreshToken", old.successor))
      if (old.accessToken !== null) this.#rows.delete(key("AccessToken", old.accessToken))
    }
    old.successor = successor
    old.accessToken = accessToken
    fresh.parent = parent
    this.#refreshTokenOf.set(accessToken, successor)
  }

  /** Somebody used an access token at a resource: under `confirm` the token before it stops working. */
  accessTokenUsed(accessToken: string): void {
    const refreshToken = this.#refreshTokenOf.get(accessToken)
    if (refreshToken !== undefined) this.#confirm(refreshToken)
  }

  revokeFamily(refreshToken: string): void {
    const grantId = this.#grantOf(refreshToken)
    if (grantId !== undefined) this.#revokeGrant(grantId)
  }

  #grantOf(refreshToken: string): string | undefined {
    return this.#rows.get(key("RefreshToken", refreshToken))?.payload.grantId
  }

  #read(model: string, id: string): AdapterPayload | undefined {
    const row = this.#rows.get(key(model, id))
    if (row === undefined || row.expiresAtMs > Date.now()) return row?.payload
    this.#rows.delete(key(model, id))
    return undefined
  }

  #search(model: string, fits: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const [id, { payload }] of this.#rows) {
      if (id.startsWith(`${model}:`) && fits(payload))
        return this.#read(model, id.slice(model.length + 1))
    }
    return undefined
  }

  /** A code was used; a second use finds it so. */
  #mark(model: string, id: string): void {
    const row = this.#rows.get(key(model, id))
    if (row === undefined) return
    const payload = { ...row.payload, consumed: Math.floor(Date.now() / 1_000) }
    this.#rows.set(key(model, id), { ...row, payload })
  }

  #upsert(model: string, id: string, payload: AdapterPayload, ttl: number): void {
    const { grantId } = payload
    if (grantId !== undefined && model !== "Grant") {
      // The family died while this request was on its way: nothing of it may live on.
      if (this.#revoked.has(grantId)) return
      const siblings = this.#members.get(grantId) ?? new Set<string>()
      this.#members.set(grantId, siblings.add(key(model, id)))
    }
    this.#rows.set(key(model, id), { payload, expiresAtMs: Date.now() + ttl * 1000 })
    if (model !== "RefreshToken" || this.#histories.has(id)) return
    const history = { consumedAtMs: null, confirmed: false, parent: null }
    this.#histories.set(id, { ...history, successor: null, accessToken: null })
  }

  async #consume(id: string): Promise<void> {
    await pause(this.#knobs.delayBeforeCommitMs)
    const payload = this.#read("RefreshToken", id)
    const history = payload === undefined ? undefined : this.#histories.get(id)
    const standing = history === undefined ? "unknown" : standingOf(history, this.#knobs)
    if (standing === "live" && history !== undefined) {
      history.consumedAtMs ??= Date.now()
      this.#confirm(id)
      return
    }
    const grantId = payload?.grantId
    if (standing === "spent" && grantId !== undefined) {
      this.#revokeGrant(grantId)
      this.#hooks.onReuse(grantId)
    }
    throw this.#hooks.refusal("refresh token already used")
  }

  #findRefreshToken(id: string): AdapterPayload | undefined {
    const payload = this.#read("RefreshToken", id)
    const history = this.#histories.get(id)
    if (payload === undefined || history === undefined) return undefined
    const standing = standingOf(history, this.#knobs)
    switch (standing) {
      case "live":
        return payload
      case "spent":
        return { ...payload, consumed: Math.floor((history.consumedAtMs ?? 0) / 1000) }
      case "unknown":
        return undefined
      default:
        return standing satisfies never
    }
  }

  #revokeGrant(grantId: string): void {
    this.#revoked.add(grantId)
    for (const member of this.#members.get(grantId) ?? []) this.#rows.delete(member)
    this.#members.delete(grantId)
    this.#rows.delete(key("Grant", grantId))
  }

  /** The token was used, so the one it came from is no longer needed by an honest client. */
  #confirm(refreshToken: string): void {
    const parent = this.#histories.get(refreshToken)?.parent ?? null
    const history = parent === null ? undefined : this.#histories.get(parent)
    if (history !== undefined) history.confirmed = true
  }

  #failsAfterConsume(model: string, payload: AdapterPayload): boolean {
    // Only a rotation has `rotations`; a login must not fall for the knob.
    if (model !== "RefreshToken" || payload["rotations"] === undefined) return false
    if (this.#knobs.failAfterConsume <= 0) return false
    this.#knobs.failAfterConsume -= 1
    return true
  }
}

function standingOf(history: History, knobs: AuthorizationServerKnobs): Standing {
  const policy = knobs.replayPolicy
  if (history.consumedAtMs === null) return "live"
  switch (policy.type) {
    case "strict":
    case "idempotent":
      return "spent"
    case "reject":
      return "unknown"
    case "multi-use":
      return "live"
    case "confirm":
      return history.confirmed ? "spent" : "live"
    case "grace": {
      if (Date.now() - history.consumedAtMs >= policy.windowSeconds * 1000) return "spent"
      // `same` is answered from the record of the first reply; what still comes here is another request.
      return policy.answers === "new" ? "live" : "unknown"
    }
    default:
      return policy satisfies never
  }
}
