/** Authorization servers, by what they do when a refresh token is used twice. */

import type { Token } from "./log.ts"
import { at, GHOST, holds, REPLY, type State } from "./state.ts"

/**
 * grace-same: inside its window the predecessor gets the same successor; grace-new: a new sibling, and the older one dies.
 * confirm: the predecessor works until its successor is used. idempotent: the same key gets the same answer, inside the
 * window; idempotent-forever: always; idempotent-last: until the
 * answer itself was used.
 */
export type Policy =
  | "strict"
  | "reject"
  | "grace-same"
  | "grace-new"
  | "confirm"
  | "idempotent"
  | "idempotent-forever"
  | "idempotent-last"
  | "multi-use"

/** Policies whose leniency ends with a window. */
export function isTimed(policy: Policy): boolean {
  return policy === "grace-same" || policy === "grace-new" || policy === "idempotent"
}

/** Issues a token; its siblings and ancestors are no longer current. */
export function issue(state: State, family: number, parent: Token): Token {
  const { server } = state
  const token = server.parent.length
  server.parent.push(parent)
  server.family.push(family)
  server.generation.push(parent === 0 ? 1 : at(server.generation, parent) + 1)
  server.key.push(0)
  server.current[family] = token
  server.used[family] = 0
  server.window[family] = 1
  if (server.revoked.length <= family) server.revoked.push(0)
  return token
}

/** Answers one POST: the new token, or a refusal. */
export function answer(state: State, policy: Policy, token: Token, key: number): Token {
  const { server } = state
  const family = at(server.family, token)
  if (server.revoked[family] === 1) return REPLY.refused
  const current = at(server.current, family)
  if (token === current) {
    server.key[token] = key
    return issue(state, family, token)
  }
  const lenient = secondAnswer(state, policy, token, key)
  if (lenient !== null) return lenient
  server.revoked[family] = 1
  state.ghost |= holds(state, current) ? GHOST.revokedHeld : GHOST.revokedLost
  return REPLY.refused
}

/** What a token that was spent before gets, as {@link answer}; null: the family is revoked. */
function secondAnswer(state: State, policy: Policy, token: Token, key: number): Token | null {
  const { server } = state
  const family = at(server.family, token)
  const current = at(server.current, family)
  const predecessor = server.parent[current] === token
  const open = predecessor && server.window[family] === 1
  const child = server.parent.indexOf(token)
  switch (policy) {
    case "multi-use":
      return child > 0 ? child : REPLY.refused
    case "reject":
      return REPLY.refused
    case "grace-same":
      return open ? current : null
    case "grace-new":
      return open ? issue(state, family, token) : null
    case "idempotent-last":
      return predecessor && server.key[token] === key ? current : null
    case "confirm":
      return predecessor && server.used[family] === 0 ? current : null
    case "idempotent":
      return open && server.key[token] === key ? current : null
    case "idempotent-forever":
      return server.key[token] === key ? child : null
    case "strict":
      return null
    default:
      return policy satisfies never
  }
}
