/**
 * One connection to one peer, from hello to end. Decides when a peer counts as connected (both accepted the other's
 * hello), why it is turned away, and that a peer which stays silent after we spoke is gone. Leaves choosing among
 * several links to transport.ts.
 */

import type { Connection, Stream } from "@libp2p/interface"
import type { MemberId } from "../core/refresh/types.ts"
import type { WireMessage } from "../ports/transport.ts"
import { FrameError } from "../wire/errors.ts"
import { encodeFrame, frameOf } from "../wire/frame.ts"
import {
  type Control,
  encodeMessage,
  type Hello,
  parseHello,
  parseLinkMessage,
} from "../wire/messages.ts"
import { type FramedStream, framedStream } from "./framed-stream.ts"
import { after } from "./timer.ts"

/** From the opened stream to both hellos accepted. */
const HELLO_TIMEOUT_MS = 5_000
/** How long after our last unanswered word a peer is asked for a sign of life, and how long it may take to give one. */
const PROBE_AFTER_MS = 10_000
const PROBE_TIMEOUT_MS = 10_000
/** After sleep: the usual answer comes within milliseconds. */
const KICK_TIMEOUT_MS = 3_000

export interface LinkOptions {
  readonly connection: Connection
  readonly stream: Stream
  /** The member key that Noise proved. */
  readonly key: string
  readonly hello: Hello
}

export interface LinkHandlers {
  /** Both hellos were accepted. */
  ready(link: Link): void
  message(link: Link, message: WireMessage): void
  /** {@link Link.yielded} has become true. */
  yielded(link: Link): void
  /** Called once. */
  ended(link: Link, reason: string): void
}

export interface Link {
  readonly key: string
  /** As the peer's hello says; null before it. */
  readonly member: MemberId | null
  /** Both hellos were accepted, and it has not ended. */
  readonly ready: boolean
  /** The peer prefers another link of the pair. */
  readonly yielded: boolean
  /** True: we opened the connection. */
  readonly outbound: boolean
  /** False: dropped. */
  send(message: WireMessage): boolean
  /** Asks for a sign of life and ends the link when none comes soon. */
  probe(): void
  /** Asks the peer to use another link of the pair; what it says here until then is still heard. */
  yield(): void
  /** Ends it in good order; what was sent before is flushed. */
  close(reason: string): void
  /** Resolves when the link is ready (true) or has ended before (false). */
  readonly settled: Promise<boolean>
}

/** The key part of `<key>.<incarnation>`. */
export function keyOf(member: MemberId): string {
  const dot = member.lastIndexOf(".")
  return dot === -1 ? member : member.slice(0, dot)
}

/** Null when the hello is acceptable, else the reason for turning the peer away. */
export function helloProblem(ours: Hello, theirs: Hello, provenKey: string): string | null {
  if (theirs.version !== ours.version) return "wrong-version"
  if (theirs.clusterId !== ours.clusterId) return "wrong-cluster"
  if (theirs.genesis !== ours.genesis) return "wrong-genesis"
  if (keyOf(theirs.member) !== provenKey || !/\.\d{1,15}$/.test(theirs.member)) {
    return "wrong-identity"
  }
  return null
}

/** Takes over a stream and says hello. Call it in the turn in which the stream was opened. */
export function openLink(options: LinkOptions, handlers: LinkHandlers): Link {
  return new PeerLink(options, handlers)
}

const CONTROL: Readonly<Record<Control["type"], Uint8Array>> = {
  welcome: encodeFrame({ type: "welcome" }),
  yield: encodeFrame({ type: "yield" }),
  ping: encodeFrame({ type: "ping" }),
  pong: encodeFrame({ type: "pong" }),
}

class PeerLink implements Link {
  readonly key: string
  readonly outbound: boolean
  readonly settled: Promise<boolean>
  member: MemberId | null = null
  readonly #options: LinkOptions
  readonly #handlers: LinkHandlers
  readonly #framed: FramedStream
  #settle: (ready: boolean) => void = () => undefined
  ready = false
  yielded = false
  #ended = false
  /** The running deadline: for the hello, then for a sign of life. */
  #cancel: (() => void) | null = null

  constructor(options: LinkOptions, handlers: LinkHandlers) {
    this.key = options.key
    this.outbound = options.connection.direction === "outbound"
    this.#options = options
    this.#handlers = handlers
    this.settled = new Promise((resolve) => (this.#settle = resolve))
    this.#framed = framedStream(options.stream, {
      frame: (value) => this.#receive(value),
      ended: (reason) => this.#end(reason),
    })
    this.#cancel = after(HELLO_TIMEOUT_MS, () => this.#framed.abort("hello-timeout"))
    this.#framed.send(encodeFrame(options.hello))
  }

  send(message: WireMessage): boolean {
    if (!this.ready) return false
    let frame: Uint8Array
    try {
      frame = frameOf(encodeMessage(message))
    } catch (error) {
      if (error instanceof FrameError) return false
      throw error
    }
    const sent = this.#framed.send(frame)
    this.#cancel ??= after(PROBE_AFTER_MS, () => this.#ask(PROBE_TIMEOUT_MS))
    return sent
  }

  probe(): void {
    if (this.ready) this.#ask(KICK_TIMEOUT_MS)
  }

  yield(): void {
    this.#framed.send(CONTROL.yield)
  }

  close(reason: string): void {
    void this.#framed.close(reason)
  }

  #ask(timeoutMs: number): void {
    this.#cancel?.()
    this.#framed.send(CONTROL.ping)
    this.#cancel = after(timeoutMs, () => this.#framed.abort("silent"))
  }

  #receive(value: unknown): void {
    if (this.member === null) {
      this.#greet(parseHello(value))
      return
    }
    const message = parseLinkMessage(value)
    if (!this.ready) {
      if (message.type !== "welcome") throw new FrameError("invalid", "welcome")
      this.#quiet()
      this.ready = true
      this.#settle(true)
      this.#handlers.ready(this)
      return
    }
    this.#quiet()
    if (message.type === "welcome") throw new FrameError("invalid", "welcome")
    else if (message.type === "ping") this.#framed.send(CONTROL.pong)
    else if (message.type === "yield") {
      this.yielded = true
      this.#handlers.yielded(this)
    } else if (message.type !== "pong") this.#handlers.message(this, message)
  }

  #greet(theirs: Hello): void {
    const problem = helloProblem(this.#options.hello, theirs, this.key)
    if (problem !== null) {
      this.close(problem)
      return
    }
    this.member = theirs.member
    this.#framed.send(CONTROL.welcome)
  }

  /** The peer lives: no deadline runs until we speak again. */
  #quiet(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.ready = false
    this.#quiet()
    this.#settle(false)
    this.#handlers.ended(this, reason)
    closeConnection(this.#options.connection)
  }
}

/** A link owns its connection: in good order first, so that the last words arrive; at once if that takes too long. */
function closeConnection(connection: Connection): void {
  connection.close({ signal: AbortSignal.timeout(1_000) }).catch((error: unknown) => {
    connection.abort(error instanceof Error ? error : new Error("close failed"))
  })
}
