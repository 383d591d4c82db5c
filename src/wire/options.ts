/**
 * The options of `openSession`: decides what may be said, what is meant when nothing is said, and names everything that
 * is wrong at once. Whether the profile and the files exist is looked at later, by the rooms that open them.
 */

import { z } from "zod"
import { QuorateError } from "../core/base/errors.ts"
import { parseReplayPolicy } from "../core/oauth/policy.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { problems } from "./problems.ts"

/** The authorization server and the client. Needed to found a cluster; later it must match what the members agreed. */
export interface ProviderOptions {
  /** RFC 8414 issuer. This or `tokenEndpoint` must be given. `http:` only on loopback. */
  readonly issuer?: string | undefined
  /** Overrides discovery. */
  readonly tokenEndpoint?: string | undefined
  readonly clientId: string
  /** Of a confidential client; sent by `client_secret_basic` (RFC 6749 §2.3.1). */
  readonly clientSecret?: string | undefined
  /** Space-separated. @defaultValue the server's own */
  readonly scope?: string | undefined
  /** `strict`, `reject`, `multi-use`, `confirm`, `idempotent` or `grace:SECONDS[:same|:new]`. @defaultValue "strict" */
  readonly replayPolicy?: string | undefined
}

export interface ClusterOptions {
  /** Multiaddrs to listen on. @defaultValue a free port of 127.0.0.1 */
  readonly listen?: readonly string[] | undefined
  /** Path of the members file. @defaultValue the profile's own record, or a cluster of one */
  readonly members?: string | undefined
}

export interface SessionOptions {
  /** Directory of the profile; all processes that name it share one member. */
  readonly profile: string
  readonly provider?: ProviderOptions | undefined
  readonly cluster?: ClusterOptions | undefined
  /** Whether a holder in doubt sends once more just before the login would be lost. @defaultValue "resend" */
  readonly lastResort?: "ask" | "resend" | undefined
  /**
   * When this member may refresh without a quorum. proof: only where nobody else can be spending the token. eager: also
   * where that may cost the login, once per token. never: not at all.
   *
   * @defaultValue "proof"
   */
  readonly fallback?: "proof" | "eager" | "never" | undefined
  /** What other members' users see, 1 to 64 characters. @defaultValue the host name */
  readonly name?: string | undefined
}

/** {@link SessionOptions} with every default filled in: the only form the other rooms see. */
export interface SessionSettings {
  readonly profile: string
  readonly provider: {
    readonly settings: ProviderSettings
    readonly clientSecret: string | null
  } | null
  /** `listen` null: not said, the profile keeps what it has. */
  readonly cluster: { readonly listen: readonly string[] | null; readonly members: string | null }
  readonly lastResort: "ask" | "resend"
  readonly fallback: "proof" | "eager" | "never"
  readonly name: string | null
}

const LISTEN = /^\/(?:ip4|ip6)\/[0-9A-Fa-f.:]{2,45}\/tcp\/\d{1,5}$/

const path = z
  .string()
  .min(1)
  .max(4_096)
  .refine((value) => !value.includes("\0"), "must not hold a NUL")

const provider = z
  .strictObject({
    issuer: z.string().max(2_048).optional(),
    tokenEndpoint: z.string().max(2_048).optional(),
    clientId: z.string().min(1).max(1_024),
    clientSecret: z.string().min(1).max(4_096).optional(),
    scope: z.string().min(1).max(16_384).optional(),
    replayPolicy: z.string().default("strict"),
  })
  .superRefine((value, context) => {
    const complain = (field: string, message: string | null): void => {
      if (message !== null) context.addIssue({ code: "custom", path: [field], message })
    }
    if (value.issuer === undefined && value.tokenEndpoint === undefined) {
      complain("issuer", "is missing; give it or tokenEndpoint")
    }
    if (value.issuer !== undefined) complain("issuer", urlProblem(value.issuer, false))
    if (value.tokenEndpoint !== undefined) {
      complain("tokenEndpoint", urlProblem(value.tokenEndpoint, true))
    }
    const policy = parseReplayPolicy(value.replayPolicy)
    if (!policy.ok) complain("replayPolicy", policy.problem)
  })
  .transform((value) => {
    const policy = parseReplayPolicy(value.replayPolicy)
    const settings: ProviderSettings = {
      issuer: value.issuer ?? null,
      tokenEndpoint: value.tokenEndpoint ?? null,
      clientId: value.clientId,
      clientAuthentication: value.clientSecret === undefined ? "none" : "client_secret_basic",
      scope: value.scope ?? null,
      replayPolicy: policy.ok ? policy.value : { type: "strict" },
    }
    return { settings, clientSecret: value.clientSecret ?? null }
  })

const options = z.strictObject({
  profile: path,
  provider: provider.optional(),
  cluster: z
    .strictObject({
      listen: z
        .array(z.string().regex(LISTEN, "must be a multiaddr such as /ip4/127.0.0.1/tcp/0"))
        .max(16)
        .optional(),
      members: path.optional(),
    })
    .optional(),
  lastResort: z.literal(["ask", "resend"]).default("resend"),
  fallback: z.literal(["proof", "eager", "never"]).default("proof"),
  name: z.string().min(1).max(64).optional(),
})

/**
 * Checks the options once, at the edge.
 *
 * @throws QuorateError `INVALID_OPTIONS`, naming every problem with its field and no value.
 */
export function parseSessionOptions(given: SessionOptions): SessionSettings {
  const result = options.safeParse(given)
  if (!result.success) {
    throw new QuorateError(
      "INVALID_OPTIONS",
      "usage",
      `the options are wrong: ${problems(result.error)}`,
    )
  }
  const { data } = result
  return {
    profile: data.profile,
    provider: data.provider ?? null,
    cluster: {
      listen: data.cluster?.listen ?? null,
      members: data.cluster?.members ?? null,
    },
    lastResort: data.lastResort,
    fallback: data.fallback,
    name: data.name ?? null,
  }
}

/** Null when a token may be sent there: TLS, or loopback; no user name, no fragment; an issuer has no query (RFC 8414 §2). */
function urlProblem(text: string, query: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return "must be an https URL"
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return "must be an https URL; http is for loopback only"
  }
  if (url.username !== "" || url.password !== "") return "must not name a user"
  if (url.hash !== "" || text.includes("#")) return "must not have a fragment"
  if (!query && url.search !== "") return "must not have a query"
  return null
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
  )
}
