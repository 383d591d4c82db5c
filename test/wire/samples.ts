/** One of everything that crosses the wire, for round trips and as seeds of the fuzz tests. */

import type { Exchange } from "../../src/core/oauth/types.ts"
import type { ClusterState, LogEntry, Pair } from "../../src/core/refresh/types.ts"
import type { WireMessage } from "../../src/ports/transport.ts"

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const config = { voters: ["a.0", "b.0"], learners: ["c.1"] }

export const MESSAGES: readonly WireMessage[] = [
  { type: "demand", epoch: 1, generation: 2 },
  { type: "offer", epoch: 1, generation: 2 },
  { type: "newest", epoch: 1, generation: 2, serverMs: null },
  { type: "newest", epoch: 1, generation: 2, serverMs: 1_800_000_000_000 },
  ...(
    [
      { type: "vote", pre: true, term: 3, lastIndex: 7, lastTerm: 2, transfer: false },
      { type: "vote-response", pre: false, term: 3, granted: true },
      {
        type: "append",
        term: 2 ** 40,
        prevIndex: 6,
        prevTerm: 2,
        entries: [
          { type: "noop", index: 7, term: 3 },
          { type: "config", index: 8, term: 3, config },
          { type: "app", index: 9, term: 3, id: "p-1", data: bytes(0, 255) },
        ],
        commit: Number.MAX_SAFE_INTEGER,
      },
      { type: "append-response", term: 3, ok: false, index: 4, hintTerm: 1, refused: 6 },
      { type: "leader-durable", term: 3, index: 9 },
      {
        type: "snapshot",
        term: 3,
        snapshot: { index: 5, term: 2, config, data: bytes(1, 2, 3) },
      },
      { type: "forward", term: 3, id: "p-2", data: bytes() },
      { type: "forward-response", term: 3, id: "p-2", accepted: true },
      { type: "timeout-now", term: 3 },
    ] as const
  ).map((message): WireMessage => ({ type: "raft", message })),
]

const box = { algorithm: "A256GCM", key: 1, bytes: bytes(9, 9, 9) }
export const PAIR: Pair = {
  epoch: 1,
  generation: 2,
  lineage: "ab".repeat(16),
  parent: "cd".repeat(16),
  accessBox: box,
  refreshBox: box,
  issuedAtMs: 1_800_000_000_000.5,
  lifetimeMs: 3_600_000,
  refreshLifetimeMs: null,
  scope: "openid offline_access",
  subject: null,
  resent: false,
  by: "a.0",
}

const settings = {
  issuer: "https://issuer.example",
  tokenEndpoint: null,
  clientId: "client",
  clientAuthentication: "none",
  scope: null,
  replayPolicy: { type: "grace", windowSeconds: 30, answers: "new" },
} as const

const report = (value: Extract<LogEntry, { type: "report" }>["report"]): LogEntry => ({
  type: "report",
  turn: 12,
  holder: "a.0",
  report: value,
})

export const ENTRIES: readonly LogEntry[] = [
  {
    type: "provider",
    settings: { ...settings, clientAuthentication: "client_secret_post" },
    secretBox: box,
  },
  {
    type: "provider",
    settings: { ...settings, replayPolicy: { type: "strict" } },
    secretBox: null,
  },
  {
    type: "keys",
    keys: { number: 1, wraps: [{ member: "a.0", access: bytes(1), refresh: null }] },
  },
  { type: "login", pair: { ...PAIR, generation: 1, parent: null } },
  { type: "logout", epoch: 1 },
  {
    type: "turn",
    epoch: 1,
    generation: 2,
    holder: "a.0",
    replaces: null,
    atMs: 3,
    waitedMs: null,
    consent: false,
  },
  {
    type: "turn",
    epoch: 1,
    generation: 2,
    holder: "b.0",
    replaces: 12,
    atMs: 4.5,
    waitedMs: 4,
    consent: true,
  },
  { type: "result", pair: PAIR, turn: 12, signature: new Uint8Array(64).fill(7) },
  report({ type: "unspent", cause: "ECONNREFUSED" }),
  report({
    type: "retry-later",
    cause: "http_429",
    notBeforeMs: 1_800_000_000_000,
    delayMs: 30_000,
  }),
  report({
    type: "in-doubt",
    cause: "ECONNRESET",
    spent: false,
    atMs: 1,
    sentAtMs: null,
    sends: 1,
  }),
  report({ type: "rejected", cause: "invalid_grant", atMs: 1 }),
  report({ type: "misconfigured", cause: "invalid_client", atMs: 1 }),
  { type: "remove", member: "b.0", holderIsGone: true },
  { type: "vouch", member: "b.0", epoch: 1, generation: 2 },
]

export const STATE: ClusterState = {
  clusterId: "c".repeat(32),
  members: [
    { id: "a.0", name: "laptop", capability: "full", encryptionKey: new Uint8Array(32).fill(3) },
  ],
  removed: ["z.0"],
  provider: { settings, secretBox: null },
  keys: [{ number: 1, wraps: [] }],
  epoch: 1,
  pair: PAIR,
  proof: { turn: 12, signature: new Uint8Array(64).fill(7) },
  turn: {
    number: 12,
    proposal: "run.1",
    epoch: 1,
    generation: 2,
    holder: "a.0",
    replaces: null,
    doubt: { cause: "ECONNRESET", spent: true, sinceMs: 5, sentAtMs: 4, sends: 2 },
  },
  dead: { epoch: 1, generation: 2, cause: "invalid_grant", atMs: 5 },
  retry: { notBeforeMs: 9, delayMs: 9, cause: "http_503" },
  misconfigured: { cause: "invalid_client", atMs: 3 },
  refused: { cause: "invalid_grant", atMs: 4, suspects: ["b.0"] },
  spenders: ["b.0"],
  askedAtMs: 8,
  resentAtMs: 7.5,
  failures: 2,
  lastFailure: "ECONNREFUSED",
}

export const EXCHANGE: Exchange = {
  startedAtMs: 1_800_000_000_000,
  finishedAtMs: 1_800_000_000_120,
  connected: true,
  bodySent: true,
  response: {
    status: 200,
    headers: [["content-type", "application/json"]],
    body: bytes(123, 125),
    complete: true,
  },
  failure: null,
}
