/** Decides which URLs a token may be sent to, and opens a connection of its own to one of them. */

import { connect as connectTcp, isIP, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { isLoopback } from "../core/oauth/loopback.ts"

/** Where a request goes: checked, and split as sockets want it. */
export interface Target {
  readonly secure: boolean
  readonly hostname: string
  readonly port: number
  /** `Host` header. */
  readonly host: string
  /** Path and query. */
  readonly path: string
}

/** Node gives up each address after 250 ms by default, which a slow mobile network needs for one round trip. */
const ATTEMPT_TIMEOUT_MS = 1_000

/**
 * `https:` anywhere, `http:` on loopback only (RFC 6749 §3.2 wants TLS; nothing on loopback is on a wire).
 *
 * @returns the target, or why not: `INVALID_URL` or `INSECURE_URL`.
 */
export function parseTarget(text: string): Target | "INVALID_URL" | "INSECURE_URL" {
  const url = URL.parse(text)
  if (url === null || url.username !== "" || url.password !== "") return "INVALID_URL"
  const secure = url.protocol === "https:"
  if (!secure && url.protocol !== "http:") return "INVALID_URL"
  if (!secure && !isLoopback(url.hostname)) return "INSECURE_URL"
  return {
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || (secure ? 443 : 80)),
    host: url.host,
    path: `${url.pathname}${url.search}`,
  }
}

/**
 * Starts a fresh connection; both address families are tried (RFC 8305). It is ready with `secureConnect` where the
 * target is secure, with `connect` otherwise.
 */
export function dial(target: Target): Socket {
  const { hostname: host, port } = target
  const families = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS }
  if (!target.secure) return connectTcp({ host, port, ...families, noDelay: true })
  const servername = isIP(host) === 0 ? { servername: host } : {}
  // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot hand a refresh token to just anybody.
  const tls = { ...servername, ALPNProtocols: ["http/1.1"], rejectUnauthorized: true }
  return connectTls({ host, port, ...families, ...tls })
}
