/**
 * What members say to each other, as bytes: the trust border of the network. Decides shapes and bounds of every message
 * and of the hello before them. Leaves meaning to the Raft core and the refresh protocol, connections to p2p.
 */

import { z } from "zod"
import type { Entry, RaftMessage, Snapshot } from "../core/raft/types.ts"
import type { WireMessage } from "../ports/transport.ts"
import { pack, unpack } from "./pack.ts"
import { result } from "./entries.ts"
import {
  bytes,
  check,
  config,
  count,
  ENTRY_BYTES_MAX,
  everyTypeOf,
  id,
  millis,
  SNAPSHOT_BYTES_MAX,
} from "./schemas.ts"

/** Version of everything in this file and in entries.ts; peers of another one are turned away. */
export const WIRE_VERSION = 3
/** Most entries in one append: more than a leader sends, whose batches are bounded in bytes, 64 or more per entry. */
export const APPEND_ENTRIES_MAX = 4_096

/** The first thing either side says on a connection. Nobody counts as connected before both were accepted. */
export interface Hello {
  readonly version: number
  readonly clusterId: string
  /** `<key>.<incarnation>`; the key part must be the one that Noise proved. */
  readonly member: string
  /** For people; never trusted. */
  readonly name: string
  /** Digest of the genesis: two clusters of the same id and other founders must not mix. */
  readonly genesis: string
}

/** Said between the two ends of a connection alone. */
export type Control =
  /** Your hello is accepted. */
  | { readonly type: "welcome" }
  /** There is another connection of ours: use that one and close this. */
  | { readonly type: "yield" }
  /** Are you there? */
  | { readonly type: "ping" }
  | { readonly type: "pong" }

const term = count
const index = count
const data = bytes(ENTRY_BYTES_MAX)

const entry = everyTypeOf<Entry>()(
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("noop"), index, term }),
    z.strictObject({ type: z.literal("config"), index, term, config }),
    z.strictObject({ type: z.literal("app"), index, term, id, data }),
  ]),
)

const snapshot: z.ZodType<Snapshot> = z.strictObject({
  index,
  term,
  config,
  data: bytes(SNAPSHOT_BYTES_MAX),
})

const raft = everyTypeOf<RaftMessage>()(
  z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("vote"),
      pre: z.boolean(),
      term,
      lastIndex: index,
      lastTerm: term,
      transfer: z.boolean(),
    }),
    z.strictObject({
      type: z.literal("vote-response"),
      pre: z.boolean(),
      term,
      granted: z.boolean(),
    }),
    z.strictObject({
      type: z.literal("append"),
      term,
      prevIndex: index,
      prevTerm: term,
      entries: z.array(entry).max(APPEND_ENTRIES_MAX),
      commit: index,
    }),
    z.strictObject({
      type: z.literal("append-response"),
      term,
      ok: z.boolean(),
      index,
      hintTerm: term,
      refused: index,
    }),
    z.strictObject({ type: z.literal("leader-durable"), term, index }),
    z.strictObject({ type: z.literal("snapshot"), term, snapshot }),
    z.strictObject({ type: z.literal("forward"), term, id, data }),
    z.strictObject({ type: z.literal("forward-response"), term, id, accepted: z.boolean() }),
    z.strictObject({ type: z.literal("timeout-now"), term }),
  ]),
)

const about = { epoch: count, generation: count }
const peer = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal(["demand", "offer", "ask"]), ...about }),
  z.strictObject({ type: z.literal("newest"), ...about, serverMs: millis.nullable() }),
])
const show = z.strictObject({ type: z.literal("show"), result })

const message = everyTypeOf<WireMessage>()(
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("raft"), message: raft }),
    peer,
    show,
  ]),
)

const control = z.strictObject({ type: z.literal(["welcome", "yield", "ping", "pong"]) })
const linkMessage = everyTypeOf<WireMessage | Control>()(
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("raft"), message: raft }),
    peer,
    show,
    control,
  ]),
)

const hello: z.ZodType<Hello> = z.strictObject({
  version: count,
  clusterId: id,
  member: id,
  name: z.string().max(64),
  genesis: id,
})

/** Packs a message. @throws FrameError `too-long` when it does not fit a frame. */
export function encodeMessage(value: WireMessage): Uint8Array {
  return pack(value)
}

/** Unpacks and checks a message. @throws FrameError and nothing else. */
export function decodeMessage(packed: Uint8Array): WireMessage {
  return check(message, unpack(packed))
}

/** Checks what follows the hello on a connection, unpacked already. @throws FrameError `invalid` */
export function parseLinkMessage(value: unknown): WireMessage | Control {
  return check(linkMessage, value)
}

/** Checks an unpacked hello. Versions are compared by the caller, who can say why it refuses. @throws FrameError */
export function parseHello(value: unknown): Hello {
  return check(hello, value)
}
