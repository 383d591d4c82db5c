/**
 * Sends one prepared request, once, and records what happened. Decides nothing about what it means: that is
 * core/oauth/outcome.ts. A fresh connection of its own, no pool, no retry, no redirect: with those, nobody could say
 * whether a byte left.
 */

import type { ClientRequest, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { isCauseCode } from "../core/oauth/cause.ts"
import type { Exchange, ExchangePhase, PreparedRequest } from "../core/oauth/types.ts"
import type { ExchangeOptions, SendExchange } from "../ports/token-endpoint.ts"
import { readyEvent, takeAhead } from "./ahead.ts"
import { dial, parseTarget, type Target } from "./target.ts"

/**
 * An import would read every export, among them WebSocket, which loads all of undici: 25 ms, and a courier that was not
 * foreseen starts while somebody waits.
 */
const {
  request: httpRequest,
  validateHeaderName,
  validateHeaderValue,
} = process.getBuiltinModule("node:http")

const TIMEOUT_MS = 120_000
const BODY_BYTES_MAX = 1_048_576
/**
 * Timers run before sockets are read. A process that was stopped past its bound may have the reply waiting in its
 * socket: destroying at once would throw a pair away.
 */
const GRACE_MS = 250
/** After a sleep of the machine the server may still retransmit. */
const GRACE_AFTER_SLEEP_MS = 20_000
const CLOCK_JUMP_MS = 5_000

type Failure = NonNullable<Exchange["failure"]>

/** {@inheritDoc SendExchange} */
export const sendExchange: SendExchange = (request, options) =>
  new Promise((resolve) => new Attempt(request, options, resolve).start())

class Attempt {
  readonly #request: PreparedRequest
  readonly #options: ExchangeOptions
  readonly #resolve: (exchange: Exchange) => void
  readonly #startedAtMs = Date.now()
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #phase: ExchangePhase = "prepare"
  #connected = false
  #bodySent = false
  #done = false
  #head: { readonly status: number; readonly headers: readonly [string, string][] } | null = null
  #timer: NodeJS.Timeout | undefined
  #socket: Socket | undefined
  #outgoing: ClientRequest | undefined

  constructor(
    request: PreparedRequest,
    options: ExchangeOptions,
    resolve: (exchange: Exchange) => void,
  ) {
    this.#request = request
    this.#options = options
    this.#resolve = resolve
  }

  start(): void {
    const target = parseTarget(this.#request.url)
    if (typeof target === "string") return this.#end(target)
    this.#timer = setTimeout(() => this.#outOfTime(), this.#options.timeoutMs ?? TIMEOUT_MS)
    try {
      // After the claim it would be too late to find out.
      for (const [name, value] of this.#request.headers) {
        validateHeaderName(name)
        validateHeaderValue(name, value)
      }
      this.#phase = "connect"
      this.#socket = this.#dial(target)
    } catch (error) {
      this.#end(codeOf(error))
    }
  }

  #dial(target: Target): Socket {
    const { ahead } = this.#options
    const taken = ahead === undefined ? null : takeAhead(ahead, target)
    const socket = taken?.socket ?? dial(target)
    socket.on("error", (error) => {
      if (this.#phase === "connect" && isLookupError(error)) this.#phase = "dns"
      // Once the request has the socket it reports the error itself, and after what was read before it.
      if (this.#outgoing === undefined) this.#end(codeOf(error))
    })
    socket.on("close", () => {
      if (this.#outgoing === undefined) this.#end("ECONNRESET")
    })
    if (taken?.ready === true) {
      // Not at once: the socket is ours when this has returned.
      queueMicrotask(() => this.#claimAndSend(target))
      return socket
    }
    if (target.secure && taken !== null && !socket.connecting) this.#phase = "tls"
    else if (target.secure) {
      socket.once("connect", () => {
        this.#phase = "tls"
      })
    }
    socket.once(readyEvent(target), () => this.#claimAndSend(target))
    return socket
  }

  #claimAndSend(target: Target): void {
    if (this.#done) return
    this.#connected = true
    this.#phase = "claim"
    try {
      if (!this.#options.claim()) return this.#end("CLAIM_REFUSED")
    } catch {
      return this.#end("CLAIM_FAILED")
    }
    this.#phase = "send"
    try {
      this.#send(target)
    } catch (error) {
      this.#end(codeOf(error))
    }
  }

  #send(target: Target): void {
    const { headers, body } = this.#request
    const bytes = Buffer.from(body, "utf8")
    const outgoing = httpRequest({
      // `agent: false` beside `createConnection` dials a connection of its own: leave it out.
      createConnection: () => this.#socket as Socket,
      method: "POST",
      host: target.hostname,
      port: target.port,
      path: target.path,
      setHost: false,
      headers: {
        ...Object.fromEntries(headers),
        host: target.host,
        connection: "close",
        "content-length": bytes.length,
      },
    })
    this.#outgoing = outgoing
    outgoing.on("finish", () => {
      this.#bodySent = true
      if (this.#phase === "send") this.#phase = "response"
      this.#options.sent?.()
    })
    outgoing.on("response", (incoming) => this.#receive(incoming))
    outgoing.on("upgrade", () => this.#end("UNEXPECTED_UPGRADE"))
    outgoing.on("error", (error) => this.#end(codeOf(error)))
    outgoing.on("close", () => this.#end("ECONNRESET"))
    outgoing.end(bytes)
  }

  #receive(incoming: IncomingMessage): void {
    this.#phase = "response"
    this.#head = { status: incoming.statusCode ?? 0, headers: headerPairs(incoming) }
    incoming.on("data", (chunk: Buffer) => {
      const room = BODY_BYTES_MAX - this.#bytes
      this.#chunks.push(chunk.subarray(0, room))
      this.#bytes += Math.min(chunk.length, room)
      if (chunk.length > room) this.#end("BODY_TOO_LARGE")
    })
    incoming.on("end", () => this.#end(incoming.complete ? null : "ECONNRESET"))
    incoming.on("error", (error) => this.#end(codeOf(error)))
  }

  #outOfTime(): void {
    // Nothing was claimed, so nothing can be lost: no grace.
    if (this.#phase !== "send" && this.#phase !== "response") return this.#end("TIMEOUT")
    const late = Date.now() - this.#startedAtMs - (this.#options.timeoutMs ?? TIMEOUT_MS)
    const graceMs = late > CLOCK_JUMP_MS ? GRACE_AFTER_SLEEP_MS : GRACE_MS
    this.#timer = setTimeout(() => this.#end("TIMEOUT"), graceMs)
  }

  #end(code: string | null): void {
    if (this.#done) return
    this.#done = true
    clearTimeout(this.#timer)
    const failure: Failure | null = code === null ? null : { phase: this.#phase, code }
    const response =
      this.#head === null
        ? null
        : {
            ...this.#head,
            body: new Uint8Array(Buffer.concat(this.#chunks)),
            complete: failure === null,
          }
    this.#resolve({
      startedAtMs: this.#startedAtMs,
      finishedAtMs: Date.now(),
      connected: this.#connected,
      bodySent: this.#bodySent,
      response,
      failure,
    })
    this.#outgoing?.destroy()
    this.#socket?.destroy()
  }
}

function headerPairs(incoming: IncomingMessage): readonly [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    const [name = "", value = ""] = incoming.rawHeaders.slice(i, i + 2)
    pairs.push([name.toLowerCase(), value])
  }
  return pairs
}

function isLookupError(error: NodeJS.ErrnoException): boolean {
  return error.syscall === "getaddrinfo" || error.code === "ENOTFOUND"
}

/** The short identifier of a system error. Never its message: that may quote what a peer sent. */
function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return typeof code === "string" && isCauseCode(code) ? code : "UNKNOWN"
}
