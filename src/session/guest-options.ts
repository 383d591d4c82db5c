/**
 * The options of a process that may stay a guest: a light check by hand, since the schemas are loaded by a host alone.
 * Decides what a guest needs to know; a process that becomes host has everything checked then.
 */

import { QuorateError } from "../core/base/errors.ts"
import { parseReplayPolicy } from "../core/oauth/policy.ts"
import type { KeyPlace } from "../machine/profile-key.ts"
import type { SessionOptions } from "../wire/options.ts"
import type { ProfileRecord } from "./record.ts"

/** @throws QuorateError `INVALID_OPTIONS`. */
export function checkProfileOption(options: SessionOptions): string {
  const given: unknown = options
  const profile: unknown =
    typeof given === "object" && given !== null && "profile" in given ? given.profile : undefined
  if (typeof profile === "string" && profile !== "" && !profile.includes("\0")) return profile
  throw wrong("profile: must be the path of a directory")
}

/** Where the key must be kept; null when the options leave it open. @throws QuorateError `INVALID_OPTIONS`. */
export function wantedPlace({ key }: SessionOptions): KeyPlace | null {
  if (key === undefined || key === "keychain" || key === "file") return key ?? null
  throw wrong('key: must be "keychain" or "file"')
}

/**
 * The provider as the profile's record would hold it, to be compared with it; null when the options name none.
 *
 * @throws QuorateError `INVALID_OPTIONS`.
 */
export function wantedProvider(options: SessionOptions): ProfileRecord["provider"] {
  const given = options.provider
  if (given === undefined) return null
  const policy = parseReplayPolicy(given.replayPolicy ?? "strict")
  if (!policy.ok) throw wrong(`provider.replayPolicy: ${policy.problem}`)
  const { clientId, clientSecret, issuer, scope, tokenEndpoint } = given
  return {
    settings: {
      issuer: issuer ?? null,
      tokenEndpoint: tokenEndpoint ?? null,
      clientId,
      clientAuthentication: clientSecret === undefined ? "none" : "client_secret_basic",
      scope: scope ?? null,
      replayPolicy: policy.value,
    },
    clientSecret: clientSecret ?? null,
  }
}

function wrong(what: string): QuorateError {
  return new QuorateError("INVALID_OPTIONS", "usage", `the options are wrong: ${what}`)
}
