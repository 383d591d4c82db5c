/**
 * A TCP proxy that breaks connections on demand, for demonstrations and the nemesis. Decides nothing about what passes:
 * it neither reads nor changes a byte.
 */

import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** Port of 127.0.0.1 to listen on. @defaultValue a free one */
  readonly port?: number | undefined
  /** Added to every chunk in each direction, in ms. @defaultValue 0 */
  readonly delayMs?: number | undefined
}

/** out: from who connected to the target. back: the other way. */
export type Way = "out" | "back"

export interface Proxy {
  readonly port: number
  /** Resets what is connected and every new connection at once: both ends notice. */
  cut(): void
  /**
   * Lets nothing through and tells nobody, not even of an end. What is sent meanwhile arrives after `heal`, as TCP would
   * retransmit it over a real network.
   *
   * @param way one way only: what is connected goes on in the other one, and nobody connects, which takes both. @defaultValue both
   */
  blackhole(way?: Way): void
  /** From now on added to every chunk, in ms. Nothing overtakes what is already on its way. */
  delay(ms: number): void
  /** Ends `cut` and `blackhole`; a delay stays. */
  heal(): void
  close(): Promise<void>
}

type Mode = "open" | "cut" | "blackhole"

/** Two sockets that are one connection. `back` is null until the way is open. */
interface Pipe {
  readonly front: Socket
  back: Socket | null
  frontEnded: boolean
}

/** Starts listening on 127.0.0.1. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const pipes = new Set<Pipe>()
  let mode: Mode = "open"
  let delayMs = options.delayMs ?? 0

  const drop = (pipe: Pipe): void => {
    pipes.delete(pipe)
    pipe.front.resetAndDestroy()
    pipe.back?.resetAndDestroy()
  }
  const ended = (pipe: Pipe): void => {
    if (mode !== "blackhole") drop(pipe)
  }
  const openBack = (pipe: Pipe): void => {
    const back = connect({ ...options.target, noDelay: true })
    pipe.back = back
    forward(pipe.front, back, () => delayMs)
    forward(back, pipe.front, () => delayMs)
    back.on("error", () => undefined)
    back.on("close", () => ended(pipe))
    pipe.front.resume()
  }
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (front) => {
    const pipe: Pipe = { front, back: null, frontEnded: false }
    front.on("error", () => undefined)
    if (mode === "cut") {
      front.resetAndDestroy()
      return
    }
    pipes.add(pipe)
    front.on("close", () => {
      pipe.frontEnded = true
      ended(pipe)
    })
    if (mode === "open") openBack(pipe)
  })
  const port = await listen(server, options.port ?? 0)

  return {
    port,
    cut() {
      mode = "cut"
      for (const pipe of pipes) drop(pipe)
    },
    blackhole(way) {
      mode = "blackhole"
      for (const pipe of pipes) hold(pipe, way)
    },
    delay(ms) {
      delayMs = ms
    },
    heal() {
      mode = "open"
      for (const pipe of pipes) {
        if (pipe.frontEnded || pipe.back?.destroyed === true) drop(pipe)
        else if (pipe.back === null) openBack(pipe)
        else resume(pipe)
      }
    },
    async close() {
      for (const pipe of pipes) drop(pipe)
      await stopListening(server)
    },
  }
}

function hold({ back, front }: Pipe, way: Way | undefined): void {
  if (way !== "back") front.pause()
  if (way !== "out") back?.pause()
}

function resume({ back, front }: Pipe): void {
  front.resume()
  back?.resume()
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

async function stopListening(server: Server): Promise<void> {
  server.close()
  await once(server, "close")
}

function forward(from: Socket, to: Socket, delayMs: () => number): void {
  const late: { readonly chunk: Buffer; readonly at: number }[] = []
  const write = (chunk: Buffer): void => {
    if (!to.destroyed && !to.write(chunk)) {
      from.pause()
      to.once("drain", () => from.resume())
    }
  }
  const pass = (): void => {
    for (let next = late[0]; next !== undefined; next = late[0]) {
      const waitMs = next.at - performance.now()
      if (waitMs > 0) return void setTimeout(pass, waitMs)
      late.shift()
      write(next.chunk)
    }
  }
  from.on("data", (chunk: Buffer) => {
    const ms = delayMs()
    if (ms === 0 && late.length === 0) return write(chunk)
    const at = Math.max(performance.now() + ms, late.at(-1)?.at ?? 0)
    if (late.push({ chunk, at }) === 1) pass()
  })
}
