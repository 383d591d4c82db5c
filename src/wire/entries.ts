/**
 * Log entries and the state a snapshot holds, as bytes. What cannot be read here is refused by every member alike, so
 * encoding checks too: an entry that the others would refuse must never enter the log. Meaning is `fold`'s business.
 */

import { z } from "zod"
import { replayPolicyProblem } from "../core/oauth/policy.ts"
import { RETRY_DELAY_MS_MAX } from "../core/oauth/retry-after.ts"
import type { ProviderSettings, ReplayPolicy } from "../core/oauth/types.ts"
import { KEY_SETS_MAX, REMOVED_MAX } from "../core/refresh/fold.ts"
import type {
  Box,
  ClusterState,
  KeySet,
  LogEntry,
  Pair,
  Report,
  ResultEntry,
  Turn,
} from "../core/refresh/types.ts"
import { pack, unpack } from "./pack.ts"
import {
  bytes,
  cause,
  check,
  count,
  ENTRY_BYTES_MAX,
  everyTypeOf,
  id,
  member,
  MEMBERS_MAX,
  millis,
  SNAPSHOT_BYTES_MAX,
} from "./schemas.ts"

/** Room for the largest token seen plus its seal; two of them must fit an entry. */
const box: z.ZodType<Box> = z.strictObject({
  algorithm: z.string().min(1).max(32),
  key: count,
  bytes: bytes(ENTRY_BYTES_MAX),
})

const policy = everyTypeOf<ReplayPolicy>()(
  z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal(["strict", "reject", "multi-use", "confirm", "idempotent"]),
    }),
    z
      .strictObject({
        type: z.literal("grace"),
        windowSeconds: count,
        answers: z.literal(["same", "new"]),
      })
      .refine((value) => replayPolicyProblem(value) === null),
  ]),
)

const url = z.string().min(1).max(2_048)
const scope = z.string().max(16_384)

const settings: z.ZodType<ProviderSettings> = z
  .strictObject({
    issuer: url.nullable(),
    tokenEndpoint: url.nullable(),
    clientId: z.string().min(1).max(1_024),
    clientAuthentication: z.literal(["none", "client_secret_basic", "client_secret_post"]),
    scope: scope.nullable(),
    replayPolicy: policy,
  })
  .refine(({ issuer, tokenEndpoint }) => issuer !== null || tokenEndpoint !== null)

/** A secret without a way to send it, or the reverse, would make every member throw when it refreshes. */
const hasItsSecret = (given: {
  readonly settings: ProviderSettings
  readonly secretBox: Box | null
}): boolean => (given.settings.clientAuthentication === "none") === (given.secretBox === null)

const pair: z.ZodType<Pair> = z.strictObject({
  epoch: count,
  generation: count,
  lineage: id,
  parent: id.nullable(),
  accessBox: box,
  refreshBox: box,
  issuedAtMs: millis,
  lifetimeMs: millis,
  refreshLifetimeMs: millis.nullable(),
  scope: scope.nullable(),
  subject: z.string().max(4_096).nullable(),
  resent: z.boolean(),
  by: id,
})

const wrap = bytes(4_096).nullable()
const keys: z.ZodType<KeySet> = z.strictObject({
  number: count,
  wraps: z.array(z.strictObject({ member: id, access: wrap, refresh: wrap })).max(MEMBERS_MAX * 2),
})

const spent = z.boolean()
/** No server silences a cluster for longer. */
const retryDelay = z.int().min(0).max(RETRY_DELAY_MS_MAX)
const report = everyTypeOf<Report>()(
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("unspent"), cause }),
    z.strictObject({
      type: z.literal("retry-later"),
      cause,
      notBeforeMs: millis,
      delayMs: retryDelay,
    }),
    z.strictObject({
      type: z.literal("in-doubt"),
      cause,
      spent,
      atMs: millis,
      sentAtMs: millis.nullable(),
      sends: count,
    }),
    z.strictObject({ type: z.literal("rejected"), cause, atMs: millis }),
    z.strictObject({ type: z.literal("misconfigured"), cause, atMs: millis }),
  ]),
)

const signature = bytes(128)

/** Also shown by one member to another, beside the log. */
export const result: z.ZodType<ResultEntry> & z.core.$ZodTypeDiscriminable = z.strictObject({
  type: z.literal("result"),
  pair,
  turn: count.nullable(),
  signature,
})

const entry = everyTypeOf<LogEntry>()(
  z.discriminatedUnion("type", [
    z
      .strictObject({ type: z.literal("provider"), settings, secretBox: box.nullable() })
      .refine(hasItsSecret),
    z.strictObject({ type: z.literal("keys"), keys }),
    z.strictObject({ type: z.literal("login"), pair }),
    z.strictObject({ type: z.literal("logout"), epoch: count }),
    z.strictObject({
      type: z.literal("turn"),
      epoch: count,
      generation: count,
      holder: id,
      replaces: count.nullable(),
      atMs: millis,
      waitedMs: millis.nullable(),
      consent: z.boolean(),
    }),
    result,
    z.strictObject({ type: z.literal("report"), turn: count, holder: id, report }),
    z.strictObject({ type: z.literal("remove"), member: id, holderIsGone: z.boolean() }),
    z.strictObject({ type: z.literal("vouch"), member: id, epoch: count, generation: count }),
  ]),
)

const turn: z.ZodType<Turn> = z.strictObject({
  number: count,
  epoch: count,
  generation: count,
  holder: id,
  proposal: z.string().max(128),
  replaces: count.nullable(),
  doubt: z
    .strictObject({
      cause,
      spent,
      sinceMs: millis,
      sentAtMs: millis.nullable(),
      sends: count,
    })
    .nullable(),
})

const state: z.ZodType<ClusterState> = z.strictObject({
  clusterId: id,
  members: z.array(member).max(MEMBERS_MAX * 2),
  removed: z.array(id).max(REMOVED_MAX),
  provider: z.strictObject({ settings, secretBox: box.nullable() }).refine(hasItsSecret).nullable(),
  keys: z.array(keys).max(KEY_SETS_MAX),
  epoch: count,
  pair: pair.nullable(),
  proof: z.strictObject({ turn: count.nullable(), signature }).nullable(),
  turn: turn.nullable(),
  dead: z.strictObject({ epoch: count, generation: count, cause, atMs: millis }).nullable(),
  retry: z.strictObject({ notBeforeMs: millis, delayMs: retryDelay, cause }).nullable(),
  misconfigured: z.strictObject({ cause, atMs: millis }).nullable(),
  refused: z
    .strictObject({ cause, atMs: millis, suspects: z.array(id).max(MEMBERS_MAX * 4) })
    .nullable(),
  spenders: z.array(id).max(MEMBERS_MAX * 2),
  askedAtMs: millis.nullable(),
  resentAtMs: millis.nullable(),
  failures: count,
  lastFailure: cause.nullable(),
})

/** Packs an entry. @throws FrameError when it is too long or would be refused by {@link decodeEntry}. */
export function encodeEntry(value: LogEntry): Uint8Array {
  return pack(check(entry, value), ENTRY_BYTES_MAX)
}

/** Unpacks and checks an entry; an unknown type is refused. @throws FrameError and nothing else. */
export function decodeEntry(packed: Uint8Array): LogEntry {
  return check(entry, unpack(packed, ENTRY_BYTES_MAX))
}

/** Packs the state for a snapshot. @throws FrameError when it is too long or would be refused. */
export function encodeState(value: ClusterState): Uint8Array {
  return pack(check(state, value), SNAPSHOT_BYTES_MAX)
}

/** Unpacks and checks a snapshot's state. @throws FrameError and nothing else. */
export function decodeState(packed: Uint8Array): ClusterState {
  return check(state, unpack(packed, SNAPSHOT_BYTES_MAX))
}
