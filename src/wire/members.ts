/**
 * The members file: who founds a cluster and where each may be reached. Decides its form and names everything that is
 * wrong with it at once. Whether a key is a real one is the seal room's business.
 */

import { z } from "zod"
import { QuorateError } from "../core/base/errors.ts"
import type { Capability } from "../core/refresh/types.ts"
import { problems } from "./problems.ts"
import { MEMBERS_MAX } from "./schemas.ts"

export interface FoundingMember {
  /** Multibase Ed25519 public key, `z6Mk...`. */
  readonly key: string
  /** For people; unique within the file. */
  readonly name: string
  /** X25519 public key, 32 bytes. */
  readonly encryptionKey: Uint8Array
  /** Multiaddrs to try; empty: it must call the others. */
  readonly addresses: readonly string[]
  readonly role: "voter" | "learner"
  readonly capability: Capability
}

/** One to 32 members, at least one of them a voter. */
export interface MembersFile {
  /** 32 hexadecimal digits. */
  readonly clusterId: string
  readonly members: readonly FoundingMember[]
}

const FILE_CHARACTERS_MAX = 262_144
const ADDRESS = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/\s]{1,253}\/tcp\/\d{1,5}$/

const member = z.strictObject({
  key: z.string().regex(/^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/, "must be a member key (z6Mk...)"),
  name: z.string().min(1).max(64),
  encryption_key: z
    .string()
    .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "must be 32 bytes in base64url"),
  addresses: z
    .array(z.string().regex(ADDRESS, "must be a multiaddr such as /ip4/192.0.2.1/tcp/4001"))
    .max(16),
  role: z.literal(["voter", "learner"]).default("voter"),
  capability: z.literal(["full", "owner-only", "witness"]).default("full"),
})

const file = z
  .strictObject({
    cluster_id: z.string().regex(/^[0-9a-f]{32}$/, "must be 32 lower-case hexadecimal digits"),
    members: z.array(member).min(1).max(MEMBERS_MAX),
  })
  .superRefine(({ members }, context) => {
    for (const field of ["key", "encryption_key", "name"] as const) {
      members.forEach((one, at) => {
        const first = members.findIndex((other) => other[field] === one[field])
        if (first === at) return
        const message = `is the same as members.${first}.${field}`
        context.addIssue({ code: "custom", path: ["members", at, field], message })
      })
    }
    if (!members.some((one) => one.role === "voter")) {
      const message = "must have at least one voter"
      context.addIssue({ code: "custom", path: ["members"], message })
    }
  })

/**
 * Reads the text of a members file.
 *
 * @throws QuorateError `INVALID_OPTIONS`, naming every problem with its field.
 */
export function parseMembers(text: string): MembersFile {
  const result = file.safeParse(parseJson(text))
  if (!result.success) {
    throw new QuorateError(
      "INVALID_OPTIONS",
      "usage",
      `the members file is wrong: ${problems(result.error)}`,
    )
  }
  return {
    clusterId: result.data.cluster_id,
    members: result.data.members.map(({ encryption_key, ...rest }) => ({
      ...rest,
      encryptionKey: new Uint8Array(Buffer.from(encryption_key, "base64url")),
    })),
  }
}

function parseJson(text: string): unknown {
  const refuse = (what: string): QuorateError =>
    new QuorateError("INVALID_OPTIONS", "usage", `the members file is wrong: ${what}`)
  if (text.length > FILE_CHARACTERS_MAX) throw refuse(`longer than ${FILE_CHARACTERS_MAX}`)
  try {
    return JSON.parse(text)
  } catch {
    throw refuse("not JSON")
  }
}

/**
 * The text whose digest names a genesis. The same for every member: it holds neither addresses nor names, which each may
 * write differently, and does not depend on the order of the file.
 */
export function genesisText(founders: MembersFile): string {
  const lines = founders.members.map((one) =>
    [one.key, Buffer.from(one.encryptionKey).toString("hex"), one.role, one.capability].join(" "),
  )
  return ["quorate-genesis-1", founders.clusterId, ...lines.toSorted(), ""].join("\n")
}
