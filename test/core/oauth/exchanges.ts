/** Recorded exchanges for the tests of this room: what a sender would have written down. */

import { classify, type StrictVerdict } from "../../../src/core/oauth/outcome.ts"
import type { Exchange, ExchangePhase, Outcome } from "../../../src/core/oauth/types.ts"

/** 2026-01-01T00:00:00Z */
export const NOW_MS = 1_767_225_600_000

export interface Given {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly complete?: boolean
  readonly strict?: StrictVerdict
}

export function answered(status: number, given: Given = {}): Exchange {
  const { body = "", headers = {}, complete = true } = given
  const text = typeof body === "string" ? body : JSON.stringify(body)
  return {
    startedAtMs: NOW_MS - 50,
    finishedAtMs: NOW_MS,
    connected: true,
    bodySent: true,
    response: {
      status,
      headers: Object.entries(headers),
      body: new TextEncoder().encode(text),
      complete,
    },
    failure: complete ? null : { phase: "response", code: "ECONNRESET" },
  }
}

export function failed(phase: ExchangePhase, code: string): Exchange {
  const sent = phase === "response"
  return {
    startedAtMs: NOW_MS - 50,
    finishedAtMs: NOW_MS,
    connected: sent || phase === "send" || phase === "claim",
    bodySent: sent,
    response: null,
    failure: { phase, code },
  }
}

export const judge = (status: number, given: Given = {}): Outcome =>
  classify(answered(status, given), given.strict ?? "accepted")
