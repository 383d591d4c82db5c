/**
 * Stands in front of the real token endpoint: counts what arrives, plays the faults that were asked for, repeats
 * answers where the policy does. The grant itself, and every judgement on a token, is oidc-provider's.
 */

import { createHash } from "node:crypto"

import type { KoaContextWithOIDC, Provider } from "oidc-provider"
import { peekBody } from "./body.ts"
import type { Ending, Ledger } from "./ledger.ts"
import { pause } from "./pause.ts"
import { createReplies, type Replies, type Reply, type RequestIdentity } from "./replies.ts"
import type { TokenStore } from "./store.ts"
import type { AuthorizationServerKnobs, AuthorizationServerOptions } from "./types.ts"

interface Desk {
  readonly knobs: AuthorizationServerKnobs
  readonly options: AuthorizationServerOptions
  readonly ledger: Ledger
  readonly store: TokenStore
  readonly replies: Replies
}

export function watchTokenRequests(provider: Provider, parts: Omit<Desk, "replies">): void {
  const desk: Desk = { ...parts, replies: createReplies() }
  provider.use(async (context, next) => {
    const ctx = context as KoaContextWithOIDC
    if (ctx.method !== "POST" || ctx.path !== "/token") return next()
    const body = await peekBody(ctx.req)
    const form = new URLSearchParams(body ?? "")
    const refreshToken = form.get("refresh_token")
    if (form.get("grant_type") !== "refresh_token" || refreshToken === null) return next()
    const request: RequestIdentity = {
      refreshToken,
      body: body ?? "",
      authorization: ctx.get("authorization"),
      idempotencyKey: ctx.get("idempotency-key") || null,
    }
    const token = desk.ledger.numberOf(refreshToken)
    let ending: Ending = "failed"
    const posts = desk.ledger.arrived(token)
    try {
      desk.options.onRequest?.({ token, posts })
      ending = await serve(desk, ctx, request, token, next)
    } finally {
      desk.ledger.ended(ending)
    }
    if (ending === "refreshed" || ending === "replayed") dropReply(desk.knobs, ctx)
    return undefined
  })
  provider.use(async (context, next) => {
    const ctx = context as KoaContextWithOIDC
    await next()
    const accessToken = ctx.path === "/me" ? ctx.oidc.entities.AccessToken : undefined
    if (ctx.status === 200 && accessToken !== undefined) {
      parts.store.accessTokenUsed(accessToken.jti)
    }
  })
}

async function serve(
  desk: Desk,
  ctx: KoaContextWithOIDC,
  request: RequestIdentity,
  token: number,
  next: () => Promise<unknown>,
): Promise<Ending> {
  const { knobs, ledger, replies, options } = desk
  if (turnAway(knobs, ctx)) return "turned-away"
  ledger.reachedGrant(token)

  const policy = knobs.replayPolicy
  const recall = replies.recall(policy, request)
  if (recall.type === "mismatch") {
    answer(ctx, 422, { error: "idempotency_key_reused" })
    options.onReject?.({ token, status: 422, error: "idempotency_key_reused" })
    return "rejected"
  }
  if (recall.type === "held") {
    const reply = await recall.reply
    if (reply !== null && desk.store.familyLives(String(reply["refresh_token"]))) {
      answer(ctx, 200, reply)
      ctx.set("idempotency-replayed", "true")
      return "replayed"
    }
  }

  const settle = recall.type === "unknown" ? replies.hold(policy, request) : () => {}
  let reply: Reply | null = null
  try {
    reply = await grant(desk, ctx, token, next)
  } finally {
    settle(reply)
  }
  if (reply === null) return ctx.status >= 500 ? "failed" : "rejected"
  await pause(knobs.delayAfterCommitMs)
  return "refreshed"
}

/** Lets the real server work. @returns its answer, or null when it refused or failed. */
async function grant(
  desk: Desk,
  ctx: KoaContextWithOIDC,
  token: number,
  next: () => Promise<unknown>,
): Promise<Reply | null> {
  const { ledger, options, knobs } = desk
  const startedAt = performance.now()
  const delayMs = knobs.rotate ? knobs.delayBeforeCommitMs : 0
  await next()
  const reply = isObject(ctx.body) ? ctx.body : {}
  if (ctx.status !== 200) {
    const event = { token, status: ctx.status, error: String(reply["error"]) }
    if (ctx.status < 500) options.onReject?.(event)
    return null
  }
  ledger.refreshTook(Math.max(0, performance.now() - startedAt - delayMs))
  const { RefreshToken, RotatedRefreshToken, AccessToken } = ctx.oidc.entities
  if (RotatedRefreshToken && RefreshToken && AccessToken) {
    desk.store.link(RotatedRefreshToken.jti, RefreshToken.jti, AccessToken.jti)
  }
  const [access, refresh] = [String(reply["access_token"]), String(reply["refresh_token"])]
  // Numbered here, whether anybody listens or not.
  const successor = ledger.numberOf(refresh)
  const hashes = { access: sha256(access), refresh: sha256(refresh) }
  options.onCommit?.({ token, successor, hashes })
  return reply
}

function turnAway(knobs: AuthorizationServerKnobs, ctx: KoaContextWithOIDC): boolean {
  const { turnAway: fault } = knobs
  if (fault === null || fault.remaining <= 0) return false
  fault.remaining -= 1
  answer(ctx, fault.status, { error: fault.error ?? "temporarily_unavailable" })
  if (fault.retryAfter !== null) ctx.set("retry-after", fault.retryAfter)
  return true
}

function answer(ctx: KoaContextWithOIDC, status: number, body: Reply): void {
  ctx.status = status
  ctx.set("cache-control", "no-store")
  ctx.body = body
}

function dropReply(knobs: AuthorizationServerKnobs, ctx: KoaContextWithOIDC): void {
  const drop = knobs.dropReplyAfterCommit
  if (drop === false || drop === 0) return
  if (typeof drop === "number") knobs.dropReplyAfterCommit = drop - 1
  ctx.respond = false
  ctx.req.socket.resetAndDestroy()
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}
