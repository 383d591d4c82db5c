/**
 * What a person does to the login: tell the cluster its provider, log in, log out. Each is an entry that a quorum commits;
 * which of two at once wins is decided by core/refresh/fold.ts.
 */

import { isDeepStrictEqual } from "node:util"

import { quote, QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { removalRisks } from "../core/refresh/fold.ts"
import { previewTakeOver, type TakeOverPreview } from "../core/refresh/takeover.ts"
import type { Epoch, MemberId, Verdict } from "../core/refresh/types.ts"
import type { CurrentToken, LoginTokens } from "../ports/coordinator.ts"
import type { Crypto } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { sealPair } from "./pairs.ts"
import { type Replica, secretContext } from "./replica.ts"
import type { Submissions } from "./submissions.ts"

export interface AccountParts {
  readonly self: MemberId
  readonly crypto: Crypto
  readonly storage: Storage
}

export class Account {
  readonly #parts: AccountParts
  readonly #replica: Replica
  readonly #submissions: Submissions
  /** The epoch that was ended here alone; 0: none. */
  #left: Epoch
  #telling = false

  constructor(parts: AccountParts, replica: Replica, submissions: Submissions) {
    this.#parts = parts
    this.#left = Number(Buffer.from(parts.storage.readBlob("logout") ?? []).toString("utf8"))
    this.#replica = replica
    this.#submissions = submissions
  }

  provider(): ProviderSettings | null {
    return this.#replica.state.provider?.settings ?? null
  }

  async configure(settings: ProviderSettings, clientSecret: string | null): Promise<void> {
    const known = this.provider()
    const same = known !== null && isDeepStrictEqual(known, settings)
    if (same && this.#replica.clientSecret() === clientSecret) return
    await this.#submissions.until(() => this.#replica.state.keys.length > 0)
    const { clusterId } = this.#replica.state
    const secretBox =
      clientSecret === null
        ? null
        : this.#replica.keyring.seal(Buffer.from(clientSecret, "utf8"), secretContext(clusterId))
    const verdict = await this.#submissions.submit({ type: "provider", settings, secretBox })
    if (verdict.type === "ignored") {
      throw new QuorateError(
        "PROVIDER_MISMATCH",
        "usage",
        "the cluster belongs to another authorization server or client",
        { hint: "use the settings of the other members, or a profile of its own" },
      )
    }
  }

  async login(login: LoginTokens): Promise<CurrentToken> {
    const { refreshToken } = login.tokens
    if (refreshToken === null) {
      throw new QuorateError("USAGE", "usage", "the token response has no refresh_token")
    }
    await this.#submissions.until(() => this.#replica.state.keys.length > 0)
    if (this.#replica.state.removed.includes(this.#parts.self)) throw removed()
    const epoch = this.#replica.state.epoch + 1
    const pair = sealPair(
      this.#replica.state.clusterId,
      this.#replica.keyring,
      this.#parts.crypto,
      {
        epoch,
        generation: 1,
        parent: null,
        refreshToken,
        tokens: login.tokens,
        issuedAtMs: login.issuedAtMs,
        resent: false,
        by: this.#parts.self,
      },
    )
    const verdict = await this.#submissions.submit({ type: "login", pair })
    if (verdict.type === "ignored" && verdict.refusal === "not-a-member") throw removed()
    const token = this.#replica.token
    if (verdict.type === "ignored" || token === null || token.epoch !== epoch) {
      throw new QuorateError("TIMEOUT", "retryable", "another login came first; it is in use now", {
        hint: "check `quorate status`, then log in again if it is the wrong account",
      })
    }
    return token
  }

  /** A person logged out here, and the log may not know it yet. */
  hasLeft(): boolean {
    const { epoch, pair } = this.#replica.state
    return pair !== null && this.#left === epoch
  }

  previewTakeOver(quorum: boolean): TakeOverPreview {
    if (this.hasLeft()) return { type: "hopeless" }
    return previewTakeOver(this.#replica.state, this.#parts.self, quorum)
  }

  /**
   * With a quorum an entry that ends the epoch everywhere. Without one this member forgets its token at once, also across
   * restarts, and tells the others when it hears them.
   */
  async logout(quorum: boolean): Promise<void> {
    const { epoch, pair } = this.#replica.state
    if (pair === null) return
    if (quorum) await this.#submissions.submit({ type: "logout", epoch })
    if (this.#replica.state.epoch !== epoch) return
    this.#left = epoch
    this.#parts.storage.writeBlob("logout", Buffer.from(String(epoch), "utf8"))
  }

  /** Called after each batch of inputs: a logout that the others have not heard of is proposed while there is a quorum. */
  progress(quorum: boolean): void {
    if (!quorum || this.#telling || !this.hasLeft()) return
    this.#telling = true
    void this.#tell()
  }

  async #tell(): Promise<void> {
    try {
      await this.#submissions.submit({ type: "logout", epoch: this.#replica.state.epoch })
    } catch {
      // Told again when there is a quorum.
    } finally {
      this.#telling = false
    }
  }

  /** @throws QuorateError `NOT_A_MEMBER` (usage), `HOLDS_TURN` (refused) unless a person says that the holder is gone. */
  async remove(member: MemberId, holderIsGone: boolean): Promise<void> {
    const { state } = this.#replica
    const known = state.members.find(({ id }) => id === member)
    if (known === undefined) {
      throw new QuorateError("NOT_A_MEMBER", "usage", `${quote(member)} is not a member`)
    }
    const refused =
      (removalRisks(state, member) && !holderIsGone) ||
      isHeld(await this.#submissions.submit({ type: "remove", member, holderIsGone }))
    if (!refused) return
    const message = `${quote(known.name)} may be refreshing right now: removing it can end the login for all`
    throw new QuorateError("HOLDS_TURN", "refused", message, {
      hint: "bring it back, or say that it is gone for good (--holder-is-gone)",
    })
  }
}

/** Its grant stays unused: no member would take its pair. */
function removed(): QuorateError {
  const message = "this member was removed from its cluster: a login here is for nobody"
  return new QuorateError("NOT_A_MEMBER", "refused", message, {
    hint: "log in on a member, or use a profile of its own",
  })
}

/** A turn was taken while the removal was on its way. */
function isHeld(verdict: Verdict): boolean {
  return verdict.type === "ignored" && verdict.refusal === "holds-turn"
}
