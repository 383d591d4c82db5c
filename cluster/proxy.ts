/**
 * A TCP proxy that breaks connections on demand, for demonstrations and the nemesis. Decides nothing about what passes:
 * it neither reads nor changes a byte.
 */

import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number }
  /** Port of 127.0.0.1 to listen on. @defaultValue a free one */
  readonly port?: number | undefined
  /** Added to every chunk in each direction, in ms. @defaultValue 0 */
  readonly delayMs?: number | undefined
}

export interface Proxy {
  readonly port: number
  /** Resets what is connected and every new connection at once: both ends notice. */
  cut(): void
  /**
   * Lets nothing through and tells nobody, not even of an end. What is sent meanwhile arrives after `heal`, as TCP would
   * retransmit it over a real network.
   */
  blackhole(): void
  /** Ends `cut` and `blackhole`. */
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
    forward(pipe.front, back, options.delayMs ?? 0)
    forward(back, pipe.front, options.delayMs ?? 0)
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
  server.listen(options.port ?? 0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()

  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cut() {
      mode = "cut"
      for (const pipe of pipes) drop(pipe)
    },
    blackhole() {
      mode = "blackhole"
      for (const { front, back } of pipes) {
        front.pause()
        back?.pause()
      }
    },
    heal() {
      mode = "open"
      for (const pipe of pipes) {
        if (pipe.frontEnded || pipe.back?.destroyed === true) drop(pipe)
        else if (pipe.back === null) openBack(pipe)
        else {
          pipe.front.resume()
          pipe.back.resume()
        }
      }
    },
    async close() {
      for (const pipe of pipes) drop(pipe)
      server.close()
      await once(server, "close")
    },
  }
}

function forward(from: Socket, to: Socket, delayMs: number): void {
  const write = (chunk: Buffer): void => {
    if (!to.destroyed && !to.write(chunk)) {
      from.pause()
      to.once("drain", () => from.resume())
    }
  }
  from.on("data", (chunk: Buffer) => {
    if (delayMs === 0) write(chunk)
    else setTimeout(() => write(chunk), delayMs)
  })
}
