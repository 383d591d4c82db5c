/** A status and a token as a session gives them, at 1,000 s after the epoch. */

import type { ClusterStatus, Token } from "../../src/session/types.ts"

export const SETTLED: ClusterStatus = {
  stage: "ready",
  cause: null,
  sinceMs: 1_000_000,
  nextAttemptAtMs: null,
  generation: 3,
  epoch: 1,
  expiresAtMs: 1_600_000,
  quorum: true,
  leader: "z6MkA.1",
  leaderSeenAtMs: 1_000_000,
  holder: null,
  suspects: [],
  courier: "process",
  role: "leader",
  members: [
    {
      id: "z6MkA.1",
      name: "laptop",
      role: "voter",
      connected: true,
      generation: 3,
      lastSeenMs: 1_000_000,
      self: true,
    },
    {
      id: "z6MkB.1",
      name: "desk",
      role: "learner",
      connected: false,
      generation: null,
      lastSeenMs: null,
      self: false,
    },
  ],
}

export const TOKEN: Token = {
  accessToken: "at-3",
  tokenType: "Bearer",
  expiresAt: 1_600_000,
  generation: 3,
  epoch: 1,
  scope: null,
  source: "cache",
}
