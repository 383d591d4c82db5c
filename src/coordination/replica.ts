/**
 * The replicated state machine with its keys: turns committed bytes into state, and state into an access token. Decides
 * nothing; the rules are core/refresh/fold.ts. A committed entry that cannot be read is a no-op on every member alike.
 */

import { fold, genesis } from "../core/refresh/fold.ts"
import { expiresAtMs } from "../core/refresh/status.ts"
import { resultStatement } from "../core/refresh/statement.ts"
import type {
  ClusterState,
  KeySet,
  LogEntry,
  MemberId,
  MemberInfo,
  Pair,
  ResultEntry,
  Tokens,
  Verdict,
} from "../core/refresh/types.ts"
import type { AppEntry } from "../core/raft/types.ts"
import type { CurrentToken } from "../ports/coordinator.ts"
import type { BoxContext, Crypto, Identity, Keyring } from "../ports/sealer.ts"
import { decodeEntry, decodeState, encodeState } from "../wire/entries.ts"
import type { ServerClock } from "./server-clock.ts"

export interface ReplicaParts {
  readonly self: MemberId
  readonly crypto: Crypto
  readonly identity: Identity
  readonly server: ServerClock
}

export interface Applied {
  readonly entry: LogEntry
  readonly verdict: Verdict
}

/** An entry as its bytes say it, with no regard to the state. */
interface Readable {
  /** Null: not one of ours. */
  readonly entry: LogEntry | null
  /** False for a result that its maker did not sign. */
  readonly signed: boolean
}

/** The public key of a member id: all before its incarnation. */
export function keyOf(id: MemberId): string {
  return id.slice(0, id.lastIndexOf("."))
}

/** Where a box of this pair belongs. */
export function boxContext(
  clusterId: string,
  pair: Pick<Pair, "epoch" | "generation" | "parent">,
  purpose: "access" | "refresh",
): BoxContext {
  const { epoch, generation, parent } = pair
  return { clusterId, epoch, generation, parent, purpose }
}

/** Bound into a wrapped key, so that one cannot be passed off as another. */
export function wrapContext(
  clusterId: string,
  number: number,
  purpose: string,
  id: MemberId,
): string {
  return `quorate key ${clusterId} ${number} ${purpose} ${id}`
}

export class Replica {
  readonly keyring: Keyring
  readonly #parts: ReplicaParts
  #state: ClusterState
  #token: CurrentToken | null = null
  readonly #read = new WeakMap<Uint8Array, Readable>()

  constructor(parts: ReplicaParts, clusterId: string, members: readonly MemberInfo[]) {
    this.#parts = parts
    this.keyring = parts.crypto.keyring()
    this.#state = genesis(clusterId, members)
  }

  get state(): ClusterState {
    return this.#state
  }

  /** The head, opened; null when there is none or this member may not open it. */
  get token(): CurrentToken | null {
    return this.#token
  }

  /** The member has learnt another time from a peer: the head's end is another by the machine's clocks. */
  retime(): void {
    this.#token = this.open(this.#state.pair)
  }

  /** Null: the entry is not one of ours and changed nothing. */
  apply(raw: AppEntry): Applied | null {
    const { entry, signed } = this.read(raw)
    if (entry === null) return null
    const { state, verdict } = fold(this.#state, entry, {
      index: raw.index,
      proposal: raw.id,
      signed,
    })
    this.#become(state)
    return { entry, verdict }
  }

  /** Decodes and checks, once for each entry, whatever the state. May come long before it is applied. */
  read(raw: AppEntry): Readable {
    const known = this.#read.get(raw.data)
    if (known !== undefined) return known
    const entry = readable(raw.data)
    const read = { entry, signed: entry?.type !== "result" || this.#signed(entry) }
    this.#read.set(raw.data, read)
    return read
  }

  snapshot(): Uint8Array {
    return encodeState(this.#state)
  }

  /** Empty bytes are the genesis. */
  restore(data: Uint8Array): void {
    if (data.length > 0) this.#become(decodeState(data))
  }

  /** The head's refresh token. @throws QuorateError `KEY_UNUSABLE` when this member may not open it. */
  refreshToken(pair: Pair): string {
    const context = boxContext(this.#state.clusterId, pair, "refresh")
    return Buffer.from(this.keyring.open(pair.refreshBox, context)).toString("utf8")
  }

  /** The client secret that the cluster shares, if there is one. */
  clientSecret(): string | null {
    const box = this.#state.provider?.secretBox ?? null
    if (box === null) return null
    return Buffer.from(this.keyring.open(box, secretContext(this.#state.clusterId))).toString(
      "utf8",
    )
  }

  #become(state: ClusterState): void {
    const before = this.#state
    this.#state = state
    if (state.keys !== before.keys) for (const keys of state.keys) this.#learn(keys)
    if (state.pair !== before.pair) this.#token = this.open(state.pair)
  }

  /** Its holder, a member of the cluster, has signed it. */
  verifies(entry: ResultEntry): boolean {
    return this.#state.members.some(({ id }) => id === entry.pair.by) && this.#signed(entry)
  }

  /** The access token of a pair; null: this member may not open it. */
  open(pair: Pair | null): CurrentToken | null {
    if (pair === null) return null
    const context = boxContext(this.#state.clusterId, pair, "access")
    const tokens = attempt((): unknown =>
      JSON.parse(Buffer.from(this.keyring.open(pair.accessBox, context)).toString("utf8")),
    )
    if (!isTokens(tokens)) return null
    const { server } = this.#parts
    const endsAtUptimeMs = server.uptimeAt(expiresAtMs(pair))
    const { wallMs, uptimeMs } = server.read()
    return {
      accessToken: tokens.accessToken,
      tokenType: tokens.tokenType,
      expiresAtMs: Math.round(wallMs + endsAtUptimeMs - uptimeMs),
      endsAtUptimeMs,
      generation: pair.generation,
      epoch: pair.epoch,
      scope: pair.scope,
      refreshedHere: pair.by === this.#parts.self,
    }
  }

  #signed(entry: ResultEntry): boolean {
    const { pair, turn, signature } = entry
    const statement = Buffer.from(resultStatement(this.#state.clusterId, pair, turn), "utf8")
    return this.#parts.crypto.verify(keyOf(pair.by), statement, signature)
  }

  #learn(keys: KeySet): void {
    const wrap = keys.wraps.find(({ member }) => member === this.#parts.self)
    for (const purpose of ["access", "refresh"] as const) {
      const sealed = wrap?.[purpose] ?? null
      if (sealed === null || this.keyring.has(keys.number, purpose)) continue
      const context = wrapContext(this.#state.clusterId, keys.number, purpose, this.#parts.self)
      // A wrap that was not made for us, or holds no key, leaves us without one, like a member that was given none.
      attempt(() => {
        this.keyring.add(keys.number, purpose, this.#parts.identity.open(sealed, context))
      })
    }
  }
}

/** Where the provider's client secret belongs. */
export function secretContext(clusterId: string): BoxContext {
  return { clusterId, epoch: 0, generation: 0, parent: null, purpose: "client-secret" }
}

/** A box proves who could seal it, not what was put in. */
function isTokens(value: unknown): value is Tokens {
  const { accessToken, tokenType } = (value ?? {}) as Partial<Record<keyof Tokens, unknown>>
  return typeof accessToken === "string" && typeof tokenType === "string"
}

function readable(data: Uint8Array): LogEntry | null {
  return attempt(() => decodeEntry(data))
}

function attempt<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
