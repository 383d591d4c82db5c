/**
 * The host's side of the profile's socket: serves the member to the other processes of this profile. Decides who may
 * connect how often and how much each may ask for; what the answers are is the coordinator's business.
 *
 * A guest can break its own connection and nothing else. An idle connection costs no traffic and no timer.
 */

import { chmodSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { isMainThread } from "node:worker_threads"

import { QuorateError } from "../core/base/errors.ts"
import type { Coordinator, CoordinatorEvent } from "../ports/coordinator.ts"
import { encodeFrame, FrameDecoder } from "../wire/frame.ts"
import {
  type CallResult,
  failureOf,
  type Greeting,
  GUEST_FRAME_BYTES_MAX,
  type GuestCall,
  type GuestFrame,
  type HostFrame,
  type HostView,
  parseGuestFrame,
  PROTOCOL,
  versionProblem,
} from "./guest-protocol.ts"
import { type SocketName, socketName } from "./socket-file.ts"
import { packageVersion } from "./version.ts"

/** Guests at a time; one more is told so and turned away. */
export const GUESTS_MAX = 128
/** Requests of one guest that wait for an answer. */
export const REQUESTS_MAX = 16
/** A connection that has not said hello by then is closed, in ms. */
const HELLO_MS = 5_000
/** A guest that does not read is closed before this many bytes wait for it; it comes back and gets the newest view. */
const UNREAD_BYTES_MAX = 1_048_576

export interface GuestServer {
  /** Guests that have been welcomed and are still there. */
  readonly guests: number
  /** Takes the socket away and ends every connection. Harmless when closed. */
  close(): Promise<void>
}

/**
 * Serves `coordinator` at `path` (mode 0600; a named pipe on Windows) until closed. The caller holds the profile's lock:
 * what lies at `path` is the socket of a dead host and is replaced.
 *
 * Never keeps the process alive by itself.
 *
 * @throws QuorateError `STORE_UNUSABLE` naming the path when it cannot listen there.
 */
export async function serveGuests(path: string, coordinator: Coordinator): Promise<GuestServer> {
  const host = new Host(coordinator)
  const server = createServer((socket) => host.connected(socket))
  let name: SocketName | null = null
  try {
    if (process.platform !== "win32") rmSync(path, { force: true })
    name = socketName(path)
    await listen(server, name.path)
  } catch (error) {
    name?.release()
    throw new QuorateError("STORE_UNUSABLE", "store", `cannot listen at ${path}`, { cause: error })
  }
  server.unref()
  // A connection that was gone before it was accepted; the server goes on.
  server.on("error", () => {})
  return {
    get guests() {
      return host.guests
    },
    close: async () => {
      const closed = server.listening
        ? new Promise<void>((resolve) => server.close(() => resolve()))
        : Promise.resolve()
      host.close()
      await closed
      // Not before: closing removes the socket by its name.
      name.release()
    },
  }
}

/** The socket must not be open to others even for a moment: the mode is made right by the umask, not afterwards. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    // A worker thread may not change the umask: there, the directory's mode alone protects that moment.
    const before = isMainThread ? process.umask(0o177) : null
    try {
      // `exclusive`: in a node:cluster worker the primary would listen, and outlive the lock's holder.
      server.listen({ path, exclusive: true }, () => {
        server.removeListener("error", reject)
        if (before === null && process.platform !== "win32") chmodSync(path, 0o600)
        resolve()
      })
    } finally {
      if (before !== null) process.umask(before)
    }
  })
}

class Host {
  readonly #coordinator: Coordinator
  readonly #greeting: Greeting = { protocol: PROTOCOL, version: packageVersion() }
  readonly #connections = new Set<Connection>()
  readonly #unsubscribe: () => void
  #pushing = false

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator
    this.#unsubscribe = coordinator.subscribe((event) => this.#happened(event))
  }

  get guests(): number {
    let guests = 0
    for (const { welcomed } of this.#connections) if (welcomed) guests += 1
    return guests
  }

  connected(socket: Socket): void {
    const connection = new Connection(socket, {
      frame: (frame) => this.#frame(connection, frame),
      closed: () => void this.#connections.delete(connection),
    })
    if (this.#connections.size >= GUESTS_MAX) {
      const message = `the host of this profile serves ${GUESTS_MAX} processes already`
      connection.refuse(new QuorateError("HOST_BUSY", "retryable", message))
      return
    }
    this.#connections.add(connection)
  }

  close(): void {
    this.#unsubscribe()
    for (const connection of this.#connections) connection.close()
  }

  #view(): HostView {
    return {
      token: this.#coordinator.token(),
      status: this.#coordinator.status(),
      provider: this.#coordinator.provider(),
    }
  }

  #happened(event: CoordinatorEvent): void {
    if (event.type === "member") {
      this.#toAll({ type: "member", id: event.id, connected: event.connected })
    }
    // A commit makes several events at once: guests get one view, when all of it is true.
    if (this.#pushing) return
    this.#pushing = true
    queueMicrotask(() => {
      this.#pushing = false
      this.#toAll({ type: "view", view: this.#view() })
    })
  }

  #toAll(frame: HostFrame): void {
    let bytes: Uint8Array | null = null
    for (const connection of this.#connections) {
      if (connection.welcomed) connection.write((bytes ??= encodeFrame(frame)))
    }
  }

  #frame(from: Connection, frame: GuestFrame): void {
    if (frame.type === "hello") return this.#hello(from, frame)
    if (!from.welcomed) return from.close()
    switch (frame.type) {
      case "demand":
        return this.#coordinator.demand(frame.epoch, frame.generation, frame.force)
      case "used":
        return this.#coordinator.used()
      case "request":
        return void this.#answer(from, frame.id, frame.call)
      default:
        return frame satisfies never
    }
  }

  #hello(from: Connection, greeting: Greeting): void {
    if (from.welcomed) return from.close()
    const problem = versionProblem(this.#greeting, greeting)
    if (problem !== null) return from.refuse(problem)
    from.welcomed = true
    from.send({ type: "welcome", ...this.#greeting, view: this.#view() })
  }

  async #answer(to: Connection, id: number, call: GuestCall): Promise<void> {
    if (to.waiting >= REQUESTS_MAX) {
      const message = `more than ${REQUESTS_MAX} requests of one process wait for an answer`
      const error = new QuorateError("HOST_BUSY", "retryable", message)
      return to.send({ type: "failed", id, failure: failureOf(error) })
    }
    to.waiting += 1
    try {
      const result = await this.#perform(call)
      to.send({ type: "answer", id, ...result, view: this.#view() })
    } catch (error) {
      to.send({ type: "failed", id, failure: failureOf(error) })
    } finally {
      to.waiting -= 1
    }
  }

  async #perform(call: GuestCall): Promise<CallResult> {
    switch (call.type) {
      case "look":
        return NOTHING
      case "configure":
        await this.#coordinator.configure(call.settings, call.clientSecret)
        return NOTHING
      case "login":
        return { ...NOTHING, token: await this.#coordinator.login(call.login) }
      case "logout":
        await this.#coordinator.logout()
        return NOTHING
      case "take-over":
        return { ...NOTHING, cost: await this.#coordinator.takeOver(call.preview) }
      case "remove":
        await this.#coordinator.remove(call.member, call.holderIsGone)
        return NOTHING
      default:
        return call satisfies never
    }
  }
}

const NOTHING: CallResult = { token: null, cost: null }

interface ConnectionHandlers {
  readonly frame: (frame: GuestFrame) => void
  readonly closed: () => void
}

class Connection {
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder(GUEST_FRAME_BYTES_MAX)
  readonly #deadline: NodeJS.Timeout
  welcomed = false
  waiting = 0

  constructor(socket: Socket, handlers: ConnectionHandlers) {
    this.#socket = socket
    socket.unref()
    this.#deadline = setTimeout(() => {
      if (!this.welcomed) socket.destroy()
    }, HELLO_MS).unref()
    socket.on("data", (chunk) => this.#take(chunk, handlers))
    // `close` follows, and says all there is to say.
    socket.on("error", () => {})
    socket.on("close", () => {
      clearTimeout(this.#deadline)
      handlers.closed()
    })
  }

  send(frame: HostFrame): void {
    this.write(encodeFrame(frame))
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return
    if (this.#socket.writableLength + bytes.length > UNREAD_BYTES_MAX) return this.close()
    this.#socket.write(bytes)
  }

  refuse(error: QuorateError): void {
    this.send({ type: "refused", failure: failureOf(error) })
    this.#socket.destroySoon()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Whatever a guest sends, the worst that follows is the end of its connection. */
  #take(chunk: Uint8Array, handlers: ConnectionHandlers): void {
    try {
      for (const value of this.#decoder.push(chunk)) {
        // A refusal is still on its way out: nothing that follows may cut it short.
        if (!this.#socket.writable) return
        handlers.frame(parseGuestFrame(value))
      }
    } catch {
      this.close()
    }
  }
}
