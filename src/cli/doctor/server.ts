/** The authorization server as its documents and its clock show it. Decides what of it deserves a word. */

import { formatReplayPolicy } from "../../core/oauth/policy.ts"
import type { ClockOffset } from "../../core/oauth/clock-offset.ts"
import type { ProviderSettings } from "../../core/oauth/types.ts"
import type { ServerMetadata } from "../../endpoint/metadata.ts"
import { probeServer } from "../../endpoint/probe.ts"
import { durationText } from "../text.ts"
import { type Check, check, faultOf } from "./check.ts"
import { vendorOf } from "./vendors.ts"

/** For each document. */
const TIMEOUT_MS = 5_000
/** Nothing of ours depends on this machine's clock; certificates and people do. */
const OFFSET_MS_MAX = 30_000

export async function checkServer(settings: ProviderSettings): Promise<readonly Check[]> {
  const policy = replayPolicy(settings)
  try {
    const { clock, metadata, tokenEndpoint } = await probeServer(settings, TIMEOUT_MS)
    const found = metadata === null ? "no discovery document is used" : "its documents were found"
    const server = check("ok", "server", `reachable, ${found}; token endpoint ${tokenEndpoint}`)
    const offers = metadata === null ? [] : offered(metadata, settings)
    return [server, clockCheck(clock), ...offers, policy]
  } catch (error) {
    return [faultOf("server", error), policy]
  }
}

export function clockCheck(clock: ClockOffset | null): Check {
  const name = "clock"
  if (clock === null) return check("warn", name, "the server told no time that could be compared")
  const { offsetMs, uncertaintyMs } = clock
  if (Math.abs(offsetMs) <= uncertaintyMs) return check("ok", name, "agrees with the server's")
  const off = durationText(Math.abs(offsetMs))
  const detail = `${off} ${offsetMs < 0 ? "ahead of" : "behind"} the server's`
  const isFar = Math.abs(offsetMs) - uncertaintyMs > OFFSET_MS_MAX
  return isFar ? check("warn", name, detail, "let the system set it") : check("ok", name, detail)
}

function offered(
  { revocationEndpoint, server }: ServerMetadata,
  { scope }: ProviderSettings,
): readonly Check[] {
  const grants = server.grant_types_supported
  const noRefresh = grants !== undefined && !grants.includes("refresh_token")
  const offline = server.scopes_supported?.includes("offline_access") === true
  const unasked = offline && scope !== null && !scope.split(" ").includes("offline_access")
  return [
    noRefresh
      ? check("warn", "refresh_grant", "the server does not list the grant refresh_token")
      : unasked
        ? check(
            "warn",
            "refresh_grant",
            "the scope lacks offline_access, which the server knows",
            "without it a login may bring no refresh token: init with another --scope",
          )
        : check("ok", "refresh_grant", "nothing speaks against refresh tokens"),
    revocationEndpoint === null
      ? check(
          "warn",
          "revocation",
          "not offered: a logout cannot end the login at the server",
          "after a theft revoke the login at the provider's own pages",
        )
      : check("ok", "revocation", "offered (RFC 7009)"),
    server.introspection_endpoint === undefined
      ? check("ok", "introspection", "not offered; nothing needs it")
      : check("ok", "introspection", "offered (RFC 7662)"),
  ]
}

/** No document of a server says what a second use does; some servers are known by their address. */
function replayPolicy({ issuer, replayPolicy: policy, tokenEndpoint }: ProviderSettings): Check {
  const detail = formatReplayPolicy(policy)
  const vendor = vendorOf(issuer ?? tokenEndpoint ?? "")
  const hint = vendor === null ? null : `${vendor.name}: ${vendor.advice}`
  return check("ok", "replay_policy", detail, hint)
}
