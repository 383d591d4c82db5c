/**
 * Looks at an authorization server without asking it for anything: is it there, what does it offer, what time has it.
 * Decides which requests are harmless enough for that: its documents, and a HEAD where it has none.
 */

import { type ClockOffset, clockOffsetOf } from "../core/oauth/clock-offset.ts"
import { quote, QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { discover, type ServerMetadata } from "./metadata.ts"

export interface ServerReport {
  /** Null: it has no documents, and its token endpoint was named instead. */
  readonly metadata: ServerMetadata | null
  readonly tokenEndpoint: string
  /** Null: no answer of it told. */
  readonly clock: ClockOffset | null
}

/** @throws QuorateError `DISCOVERY_FAILED` when it cannot be reached, or does not say where its token endpoint is. */
export async function probeServer(
  settings: Pick<ProviderSettings, "issuer" | "tokenEndpoint">,
  timeoutMs: number,
): Promise<ServerReport> {
  const { issuer, tokenEndpoint } = settings
  let clock: ClockOffset | null = null
  const seen = (response: Response, startedAtMs: number): void => {
    clock = offsetBy(response, startedAtMs) ?? clock
  }
  if (tokenEndpoint === null) {
    const metadata = await discover(issuer ?? "", { timeoutMs, seen })
    return { metadata, tokenEndpoint: metadata.tokenEndpoint, clock }
  }
  try {
    const startedAtMs = Date.now()
    const signal = AbortSignal.timeout(timeoutMs)
    seen(await fetch(tokenEndpoint, { method: "HEAD", redirect: "manual", signal }), startedAtMs)
  } catch {
    const message = `the token endpoint ${quote(tokenEndpoint)} cannot be reached`
    throw new QuorateError("DISCOVERY_FAILED", "retryable", message, { hint: "check the network" })
  }
  // A server whose endpoint was named may have no documents: that is why it was named.
  const metadata = issuer === null ? null : await discover(issuer, { timeoutMs }).catch(() => null)
  return { metadata, tokenEndpoint, clock }
}

function offsetBy({ headers, status }: Response, startedAtMs: number): ClockOffset | null {
  return clockOffsetOf({
    startedAtMs,
    finishedAtMs: Date.now(),
    connected: true,
    bodySent: true,
    response: { status, headers: [...headers], body: new Uint8Array(), complete: true },
    failure: null,
  })
}
