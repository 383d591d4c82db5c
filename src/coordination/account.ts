/**
 * What a person does to the login: tell the cluster its provider, log in, log out. Each is an entry that a quorum commits;
 * which of two at once wins is decided by core/refresh/fold.ts.
 */

import { isDeepStrictEqual } from "node:util"

import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import type { MemberId } from "../core/refresh/types.ts"
import type { CurrentToken, LoginTokens } from "../ports/coordinator.ts"
import type { Crypto } from "../ports/sealer.ts"
import { sealPair } from "./attempts.ts"
import { type Replica, secretContext } from "./replica.ts"
import type { Submissions } from "./submissions.ts"

export class Account {
  readonly #parts: { readonly self: MemberId; readonly crypto: Crypto }
  readonly #replica: Replica
  readonly #submissions: Submissions

  constructor(
    parts: { readonly self: MemberId; readonly crypto: Crypto },
    replica: Replica,
    submissions: Submissions,
  ) {
    this.#parts = parts
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
    const token = this.#replica.token
    if (verdict.type === "ignored" || token === null || token.epoch !== epoch) {
      throw new QuorateError("TIMEOUT", "retryable", "another login came first; it is in use now", {
        hint: "check `quorate status`, then log in again if it is the wrong account",
      })
    }
    return token
  }

  async logout(): Promise<void> {
    const { epoch, pair } = this.#replica.state
    if (pair === null) return
    await this.#submissions.submit({ type: "logout", epoch })
  }
}
