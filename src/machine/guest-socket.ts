/**
 * A guest's side of the profile's socket. Decides what an attempt to reach the host comes to and when a request has
 * waited long enough; what a guest does when nobody is there is the session's business.
 *
 * A host that sleeps (SIGSTOP, a debugger) keeps its socket: nothing here concludes from silence that it is dead.
 */

import { createConnection, type Socket } from "node:net"

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { FrameDecoder, frameOf } from "../wire/frame.ts"
import { pack } from "../wire/pack.ts"
import {
  type CallResult,
  errorOf,
  type Greeting,
  GUEST_FRAME_BYTES_MAX,
  type GuestCall,
  type GuestFrame,
  type GuestNote,
  type HostFrame,
  type HostView,
  parseHostFrame,
  PROTOCOL,
  versionProblem,
} from "./guest-protocol.ts"
import { refuseForeignSocket, socketName } from "./socket-file.ts"
import { packageVersion } from "./version.ts"

/** Unread bytes beyond which notes are dropped. */
const NOTES_BYTES_MAX = 65_536

export interface GuestHandlers {
  /** Something changed. */
  readonly view: (view: HostView) => void
  readonly member: (id: string, connected: boolean) => void
  /** The host is gone, or broke the protocol. Called once, before any request that waits is told. */
  readonly closed: () => void
}

export interface GuestLink {
  /** As of the welcome. */
  readonly view: HostView
  /** Since when the oldest unanswered request waits, by `performance.now()`; null: none does. */
  readonly waitingSinceMs: number | null
  /** The host is gone, which may be so before anybody is attached. */
  readonly ended: boolean
  /** Starts the events; what arrived before is told at once. */
  attach(handlers: GuestHandlers): void
  /** Sends and forgets; dropped while a host that sleeps has many of them unread, since the last ones say the same. */
  note(note: GuestNote): void
  /**
   * What a login brought; null for other calls. The view that came with the answer was told before.
   *
   * @throws QuorateError of the host; `TIMEOUT` (retryable) after `timeoutMs` or when the host ends first: whether it
   *   was done is then unknown.
   */
  call(call: GuestCall, timeoutMs: number): Promise<CallResult>
  /** Ends the connection; `closed` is not called. */
  close(): void
}

export type Contact =
  | { readonly type: "link"; readonly link: GuestLink }
  /** No host listens: the lock decides who becomes it. */
  | { readonly type: "nobody" }
  /** Somebody listens and did not answer in time: asleep, or very busy. */
  | { readonly type: "silent" }
  /** The host said why not. */
  | { readonly type: "refused"; readonly error: QuorateError }

/** Connects and exchanges greetings. Never throws. */
export async function connectToHost(path: string, timeoutMs: number): Promise<Contact> {
  try {
    await refuseForeignSocket(path)
    const name = socketName(path)
    try {
      return await greet(name.path, timeoutMs)
    } finally {
      name.release()
    }
  } catch (error) {
    // The directory was looked at before: what else fails is told by whoever makes a socket there.
    return isQuorateError(error) ? { type: "refused", error } : { type: "nobody" }
  }
}

function greet(path: string, timeoutMs: number): Promise<Contact> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    const link = new Link(socket, (contact) => {
      clearTimeout(deadline)
      if (contact.type !== "link") link.close()
      resolve(contact)
    })
    const deadline = setTimeout(() => link.giveUp({ type: "silent" }), timeoutMs)
  })
}

interface Request {
  readonly sinceMs: number
  readonly settle: (result: CallResult) => void
  readonly fail: (error: QuorateError) => void
}

class Link implements GuestLink {
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  readonly #greeting: Greeting = { protocol: PROTOCOL, version: packageVersion() }
  readonly #requests = new Map<number, Request>()
  /** Null once the outcome of the greeting is told. */
  #greeted: ((contact: Contact) => void) | null
  #handlers: GuestHandlers | null = null
  /** Frames that came before anybody listened. */
  #early: HostFrame[] = []
  #view: HostView | null = null
  #ids = 0
  #ended = false
  #silent = false

  constructor(socket: Socket, greeted: (contact: Contact) => void) {
    this.#socket = socket
    this.#greeted = greeted
    socket.once("connect", () => this.#send({ type: "hello", ...this.#greeting }))
    socket.on("data", (chunk) => this.#take(chunk))
    socket.on("error", (error) => this.giveUp(contactAfter(error)))
    socket.on("close", () => this.#end())
  }

  get view(): HostView {
    if (this.#view === null) throw new TypeError("a link is given away with its view")
    return this.#view
  }

  get ended(): boolean {
    return this.#ended
  }

  get waitingSinceMs(): number | null {
    // In order of their ids: the first is the oldest.
    const [oldest] = this.#requests.values()
    return oldest?.sinceMs ?? null
  }

  attach(handlers: GuestHandlers): void {
    this.#handlers = handlers
    for (const frame of this.#early) this.#tell(frame)
    this.#early = []
    // Not within this call: the caller has not even returned what it is making.
    if (this.#ended) queueMicrotask(() => this.#end())
  }

  note(note: GuestNote): void {
    if (this.#socket.writableLength < NOTES_BYTES_MAX) this.#send(note)
  }

  call(call: GuestCall, timeoutMs: number): Promise<CallResult> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(hostEnded())
      const id = (this.#ids += 1)
      const finish = (): void => {
        clearTimeout(deadline)
        this.#requests.delete(id)
      }
      const fail = (error: QuorateError): void => (finish(), reject(error))
      const deadline = setTimeout(() => fail(unanswered(timeoutMs)), timeoutMs).unref()
      const settle = (result: CallResult): void => (finish(), resolve(result))
      this.#requests.set(id, { sinceMs: performance.now(), settle, fail })
      try {
        this.#send({ type: "request", id, call })
      } catch (error) {
        const message = "the request is too long for the profile's socket"
        fail(new QuorateError("USAGE", "usage", message, { cause: error }))
      }
    })
  }

  close(): void {
    this.#silent = true
    this.#socket.destroy()
  }

  /** The greeting came to nothing; later than that it means nothing. */
  giveUp(contact: Contact): void {
    const greeted = this.#greeted
    this.#greeted = null
    greeted?.(contact)
  }

  #send(frame: GuestFrame): void {
    if (this.#socket.writable) this.#socket.write(frameOf(pack(frame, GUEST_FRAME_BYTES_MAX)))
  }

  #take(chunk: Uint8Array): void {
    try {
      for (const value of this.#decoder.push(chunk)) this.#frame(parseHostFrame(value))
    } catch {
      // Not our host's words: whoever it is, this connection is of no use.
      this.#socket.destroy()
    }
  }

  #frame(frame: HostFrame): void {
    if (this.#greeted !== null) return this.#welcome(frame)
    if (this.#handlers === null) this.#early.push(frame)
    else this.#tell(frame)
  }

  #welcome(frame: HostFrame): void {
    if (frame.type === "refused") {
      return this.giveUp({ type: "refused", error: errorOf(frame.failure) })
    }
    if (frame.type !== "welcome") return this.giveUp({ type: "nobody" })
    const problem = versionProblem(frame, this.#greeting)
    if (problem !== null) return this.giveUp({ type: "refused", error: problem })
    this.#view = frame.view
    // From here on the caller decides what keeps the process alive.
    this.#socket.unref()
    this.giveUp({ type: "link", link: this })
  }

  #tell(frame: HostFrame): void {
    switch (frame.type) {
      case "view":
        return this.#handlers?.view(frame.view)
      case "member":
        return this.#handlers?.member(frame.id, frame.connected)
      case "answer":
        this.#handlers?.view(frame.view)
        return this.#requests.get(frame.id)?.settle({ token: frame.token, cost: frame.cost })
      case "failed":
        return this.#requests.get(frame.id)?.fail(errorOf(frame.failure))
      case "welcome":
      case "refused":
        return void this.#socket.destroy()
      default:
        return frame satisfies never
    }
  }

  #end(): void {
    this.#ended = true
    this.giveUp({ type: "nobody" })
    const handlers = this.#handlers
    if (handlers !== null && !this.#silent) {
      this.#silent = true
      handlers.closed()
    }
    for (const request of this.#requests.values()) request.fail(hostEnded())
  }
}

/** A full queue of the kernel belongs to a host that does not accept; everything else has no host behind it. */
function contactAfter(error: Error): Contact {
  const code = "code" in error ? error.code : null
  return code === "EAGAIN" ? { type: "silent" } : { type: "nobody" }
}

function hostEnded(): QuorateError {
  const message = "the process that hosts the profile ended before it answered"
  return new QuorateError("TIMEOUT", "retryable", message, { hint: "check the status, try again" })
}

function unanswered(timeoutMs: number): QuorateError {
  const message = `the process that hosts the profile did not answer within ${timeoutMs} ms`
  return new QuorateError("TIMEOUT", "retryable", message, {
    hint: "it may be suspended: continue or end it, then try again",
  })
}
