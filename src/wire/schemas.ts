/**
 * The small shapes that several files of this room share, with their bounds. Of this room alone: no other room sees a
 * schema.
 */

import { z } from "zod"
import { isCauseCode } from "../core/oauth/cause.ts"
import type { MemberInfo } from "../core/refresh/types.ts"
import type { Config } from "../core/raft/types.ts"
import { FrameError } from "./errors.ts"

/** Most members of a cluster, voters and learners together counted apart. */
export const MEMBERS_MAX = 32
/** Longest payload of one log entry, in bytes. */
export const ENTRY_BYTES_MAX = 65_536
/** Longest state machine image in a snapshot, in bytes: with its envelope it must fit one frame. */
export const SNAPSHOT_BYTES_MAX = 253_952

/** A safe integer from 0. */
export const count: z.ZodType<number> = z.int().min(0)
/** Milliseconds, or a wall-clock time of them: finite, from 0; fractions are allowed, since clocks give them. */
export const millis: z.ZodType<number> = z.number().min(0).max(Number.MAX_SAFE_INTEGER)
/** Any name or number of ours in text form. */
export const id: z.ZodType<string> = z.string().min(1).max(128)
/** Identifiers alone: whatever a server may have repeated in a cause, a token would not pass. */
export const cause: z.ZodType<string> = z.string().refine(isCauseCode)

/** Bytes, at most `bytesMax`. */
export function bytes(bytesMax: number): z.ZodType<Uint8Array> {
  return z.instanceof(Uint8Array).refine((value) => value.length <= bytesMax, "too long")
}

/** Exactly 32 bytes: a public key or a digest. */
export const bytes32: z.ZodType<Uint8Array> = z
  .instanceof(Uint8Array)
  .refine((value) => value.length === 32, "must be 32 bytes")

export const config: z.ZodType<Config> = z.strictObject({
  voters: z.array(id).min(1).max(MEMBERS_MAX),
  learners: z.array(id).max(MEMBERS_MAX),
})

export const member: z.ZodType<MemberInfo> = z.strictObject({
  id,
  name: z.string().max(64),
  capability: z.literal(["full", "owner-only", "witness"]),
  encryptionKey: bytes32,
})

/** A union of which no member is forgotten: a type that is new in the core and has no schema does not compile. */
export function everyTypeOf<T extends { readonly type: string }>(): <S extends z.ZodType<T>>(
  schema: S & ([T["type"]] extends [z.output<S>["type"]] ? unknown : never),
) => z.ZodType<T> {
  return (schema) => schema
}

/** Checks a value that came from outside. @throws FrameError `invalid`, naming the first field that does not fit. */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new FrameError("invalid", result.error.issues[0]?.path.join(".") ?? "")
}
