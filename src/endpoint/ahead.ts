/**
 * A connection that is made before it is needed. Decides how long it waits and when it is too old or too odd to carry a
 * token; writes not one byte of HTTP. What becomes of it then is exchange.ts's business.
 */

import type { Socket } from "node:net"

import type { ConnectionAhead } from "../ports/token-endpoint.ts"
import { dial, parseTarget, type Target } from "./target.ts"

/** Shorter than any server's patience with a client that says nothing. */
const UNUSED_MS = 2_000

const sockets = new WeakMap<ConnectionAhead, Waiting>()

interface Waiting {
  readonly socket: Socket
  readonly target: Target
  ready: boolean
  readonly leave: () => void
}

/** Starts a connection to the URL's host. Never throws: one that cannot be had is dialled again when it is needed. */
export function dialAhead(url: string): ConnectionAhead {
  const target = parseTarget(url)
  if (typeof target === "string") return { close: () => undefined }
  // No process stays for it.
  const socket = dial(target).unref()
  const close = (): void => void socket.destroy()
  const late = setTimeout(close, UNUSED_MS).unref()
  const connection: ConnectionAhead = { close }
  const waiting: Waiting = {
    socket,
    target,
    ready: false,
    leave: () => {
      clearTimeout(late)
      socket.off("error", close).off("close", gone).off(readyEvent(target), ready)
      sockets.delete(connection)
    },
  }
  const gone = (): void => waiting.leave()
  const ready = (): void => void (waiting.ready = true)
  // Nobody waits for it yet, so its failure is nobody's.
  socket.on("error", close).on("close", gone).on(readyEvent(target), ready)
  sockets.set(connection, waiting)
  return connection
}

/** The event with which a connection can carry a request. */
export function readyEvent(target: Target): "secureConnect" | "connect" {
  return target.secure ? "secureConnect" : "connect"
}

/**
 * Hands the socket over, once, with whether it stands already. Null when it leads elsewhere, has failed, or its other end
 * has spoken or hung up: the caller dials anew, before it claims.
 */
export function takeAhead(
  connection: ConnectionAhead,
  target: Target,
): { readonly socket: Socket; readonly ready: boolean } | null {
  const waiting = sockets.get(connection)
  if (waiting === undefined) return null
  const { socket, ready } = waiting
  waiting.leave()
  const isSame =
    waiting.target.secure === target.secure &&
    waiting.target.hostname === target.hostname &&
    waiting.target.port === target.port
  const isFit = !ready || (socket.writable && socket.readableLength === 0)
  if (isSame && isFit && !socket.destroyed) return { socket: socket.ref(), ready }
  socket.on("error", () => undefined).destroy()
  return null
}
