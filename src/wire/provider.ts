/**
 * The provider as a program names it: decides what may be said of an authorization server and a client, and what
 * contradicts itself. Whether the server exists and agrees, its answers will tell.
 *
 * What the log holds is checked again by entries.ts, but without its URLs: how a platform reads a URL may change between
 * versions, and an entry must be readable on all members or on none.
 */

import { z } from "zod"
import { isLoopback } from "../core/oauth/loopback.ts"
import { parseReplayPolicy } from "../core/oauth/policy.ts"
import type { ClientAuthentication, ProviderSettings } from "../core/oauth/types.ts"

/** The authorization server and the client. Needed to found a cluster; later it must match what the members agreed. */
export interface ProviderOptions {
  /** RFC 8414 issuer. This or `tokenEndpoint` must be given. `http:` only on loopback. */
  readonly issuer?: string | undefined
  /** Overrides discovery. */
  readonly tokenEndpoint?: string | undefined
  readonly clientId: string
  /** Of a confidential client. */
  readonly clientSecret?: string | undefined
  /** How the client proves itself. @defaultValue `client_secret_basic` with a secret (RFC 6749 §2.3.1), else `none` */
  readonly clientAuthentication?: ClientAuthentication | undefined
  /** Space-separated. @defaultValue the server's own */
  readonly scope?: string | undefined
  /** `strict`, `reject`, `multi-use`, `confirm`, `idempotent` or `grace:SECONDS[:same|:new]`. @defaultValue "strict" */
  readonly replayPolicy?: string | undefined
}

/** {@link ProviderOptions} with every default filled in. */
export interface ProviderChoice {
  readonly settings: ProviderSettings
  readonly clientSecret: string | null
}

const URL_LENGTH_MAX = 2_048
const DOCUMENT = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)/

const url = (isIssuer: boolean): z.ZodType<string> =>
  z.string().superRefine((text, context) => {
    for (const message of urlProblems(text, isIssuer)) context.addIssue(message)
  })

/** RFC 6749 appendix A: identifiers and secrets are printable ASCII. A line break is a file that was read whole. */
const printable = (max: number): z.ZodType<string> =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\x20-\x7e]*$/, "must be printable ASCII, without line breaks")
    .refine((text) => text.trim() !== "" || text === "", "must not be blank")

/** RFC 6749 §3.3. */
const scope = z
  .string()
  .max(16_384)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    "must be words of printable ASCII with one space between them; leave it out for the server's own",
  )

const replayPolicy = z.string().superRefine((text, context) => {
  const policy = parseReplayPolicy(text)
  if (!policy.ok) context.addIssue(policy.problem)
})

/** What fits alone and not together. Runs also where a field is wrong, so that everything is named at once. */
function contradictions(given: Readonly<Record<string, unknown>>): readonly [string, string][] {
  const { issuer, tokenEndpoint, clientSecret, clientAuthentication } = given
  const found: [string, string][] = []
  if (issuer === undefined && tokenEndpoint === undefined) {
    found.push(["issuer", "is missing; give it or provider.tokenEndpoint"])
  }
  const [mine, its] = [schemeOf(tokenEndpoint), schemeOf(issuer)]
  if (mine !== null && its !== null && mine !== its) {
    found.push(["tokenEndpoint", `is ${mine} and provider.issuer is ${its}; both must be the same`])
  }
  const method = clientAuthentication
  if (method === "none" && clientSecret !== undefined) {
    found.push(["clientAuthentication", "is none; leave it or provider.clientSecret out"])
  }
  if (String(method).startsWith("client_secret_") && clientSecret === undefined) {
    found.push(["clientSecret", "is missing, but provider.clientAuthentication needs it"])
  }
  return found
}

function schemeOf(value: unknown): "http" | "https" | null {
  const scheme = typeof value === "string" ? URL.parse(value)?.protocol : undefined
  return scheme === "https:" ? "https" : scheme === "http:" ? "http" : null
}

/** Checks the options and fills the defaults in. */
export const provider: z.ZodType<ProviderChoice> = z
  .strictObject({
    issuer: url(true).optional(),
    tokenEndpoint: url(false).optional(),
    clientId: printable(1_024),
    clientSecret: printable(4_096).optional(),
    clientAuthentication: z
      .literal(["none", "client_secret_basic", "client_secret_post"])
      .optional(),
    scope: scope.optional(),
    replayPolicy: replayPolicy.optional(),
  })
  .superRefine(
    (value, context) => {
      for (const [field, message] of contradictions(value)) {
        context.addIssue({ code: "custom", path: [field], message })
      }
    },
    { when: ({ value }) => typeof value === "object" && value !== null },
  )
  .transform((value) => {
    const policy = parseReplayPolicy(value.replayPolicy ?? "strict")
    const clientSecret = value.clientSecret ?? null
    const settings: ProviderSettings = {
      issuer: value.issuer ?? null,
      tokenEndpoint: value.tokenEndpoint ?? null,
      clientId: value.clientId,
      clientAuthentication:
        value.clientAuthentication ?? (clientSecret === null ? "none" : "client_secret_basic"),
      scope: value.scope ?? null,
      replayPolicy: policy.ok ? policy.value : { type: "strict" },
    }
    return { settings, clientSecret }
  })

/** Why no token may be sent there: no TLS off this machine, a user, a fragment; an issuer has no query (RFC 8414 §2). */
function urlProblems(text: string, isIssuer: boolean): readonly string[] {
  if (text.length > URL_LENGTH_MAX) return [`must not be longer than ${URL_LENGTH_MAX}`]
  const parsed = URL.parse(text)
  if (parsed === null || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    return ["must be an https URL"]
  }
  const problems: string[] = []
  if (parsed.protocol === "http:" && !isLoopback(parsed.hostname)) {
    problems.push("must be an https URL; http is for loopback only")
  }
  // URL drops line breaks and outer spaces silently; the text as it stands is what the server must be called.
  if (/[^\x21-\x7e]/.test(text)) problems.push("must be printable ASCII without spaces")
  if (parsed.username !== "" || parsed.password !== "") problems.push("must not name a user")
  if (text.includes("#")) problems.push("must not have a fragment")
  if (isIssuer && text.includes("?")) problems.push("must not have a query")
  if (isIssuer && DOCUMENT.test(parsed.pathname)) {
    problems.push("must be the issuer itself, without /.well-known/ and what follows")
  }
  return problems
}
