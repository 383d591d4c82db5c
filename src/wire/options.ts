/**
 * The options of `openSession`: decides what may be said, what is meant when nothing is said, and names everything that
 * is wrong at once. Whether the profile and the files exist is looked at later, by the rooms that open them.
 */

import { z } from "zod"
import { QuorateError } from "../core/base/errors.ts"
import { problems } from "./problems.ts"
import { provider, type ProviderChoice, type ProviderOptions } from "./provider.ts"

export type { ProviderOptions } from "./provider.ts"

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
  /**
   * Where the key of a new profile is kept. keychain: there or not at all. file: beside the store, for this user alone. An old
   * profile keeps it where it is, and is refused where that is another place than is said here.
   *
   * @defaultValue the keychain; a file on a machine that has none
   */
  readonly key?: "keychain" | "file" | undefined
  /** What other members' users see, 1 to 64 characters. @defaultValue the host name */
  readonly name?: string | undefined
}

/** {@link SessionOptions} with every default filled in: the only form the other rooms see. */
export interface SessionSettings {
  readonly profile: string
  readonly provider: ProviderChoice | null
  /** `listen` null: not said, the profile keeps what it has. */
  readonly cluster: { readonly listen: readonly string[] | null; readonly members: string | null }
  readonly lastResort: "ask" | "resend"
  readonly fallback: "proof" | "eager" | "never"
  /** Null: not said. */
  readonly key: "keychain" | "file" | null
  readonly name: string | null
}

const LISTEN = /^\/(?:ip4|ip6)\/[0-9A-Fa-f.:]{2,45}\/tcp\/\d{1,5}$/

const path = z
  .string()
  .min(1)
  .max(4_096)
  .refine((value) => !value.includes("\0"), "must not hold a NUL")

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
  key: z.literal(["keychain", "file"]).optional(),
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
    key: data.key ?? null,
    name: data.name ?? null,
  }
}
