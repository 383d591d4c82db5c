/**
 * One courier's process, from the host's end of the pipe: it is told where to work, then to go, once at a time. Decides
 * nothing about what comes of it.
 */

import type { ChildProcess } from "node:child_process"
import type { Socket } from "node:net"

import { type FromCourier, frameOfPipe, PipeReader, type ToCourier, type Warm } from "./pipe.ts"
import { startDetached } from "./start.ts"
import type { Go } from "./trip.ts"

/** What came of a go; null: the process ended without a word. */
export type Heard = Exclude<FromCourier, { type: "ready" }> | null

export class CourierProcess {
  /** False: it will never be. */
  readonly ready: Promise<boolean>
  readonly exited: Promise<true>
  readonly #child: ChildProcess
  readonly #pipe: Socket
  #hear: (heard: Heard) => void = () => {}
  #isReady = false
  #isOver = false

  /** Null: the system starts no process. */
  static start(program: string, warm: Warm): CourierProcess | null {
    try {
      const child = startDetached([program], true)
      const pipe = child.stdio[3] as Socket | null
      return pipe === null ? null : new CourierProcess(child, pipe, warm)
    } catch {
      return null
    }
  }

  private constructor(child: ChildProcess, pipe: Socket, warm: Warm) {
    this.#child = child
    this.#pipe = pipe
    this.exited = new Promise((resolve) => child.once("exit", () => resolve(true)))
    let isReady: (is: boolean) => void = () => {}
    this.ready = new Promise((resolve) => (isReady = resolve))
    const over = (): void => {
      this.#isOver = true
      isReady(false)
      this.#hear(null)
    }
    const reader = new PipeReader<FromCourier>()
    pipe.on("error", over).on("close", over)
    pipe.on("data", (chunk) => {
      try {
        for (const said of reader.push(chunk)) {
          if (said.type === "ready") isReady((this.#isReady = true))
          else this.#hear(said)
        }
      } catch {
        pipe.destroy()
      }
    })
    // Neither the process nor what it says keeps this one alive: whoever waits for a token does.
    pipe.unref()
    this.#say(warm)
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get isOver(): boolean {
    return this.#isOver
  }

  dial(url: string): void {
    this.#say({ type: "dial", url })
  }

  go(go: Go): Promise<Heard> {
    if (this.#isOver) return Promise.resolve(null)
    return new Promise((resolve) => {
      this.#hear = resolve
      this.#say({ type: "go", ...go })
    })
  }

  /** Closes the pipe: without a go it ends, with one it goes on. */
  leave(): void {
    this.#pipe.end()
  }

  /** Ends what never became a courier and was told nothing. */
  abandon(): void {
    this.#pipe.destroy()
    this.#child.kill("SIGKILL")
  }

  #say(said: ToCourier): void {
    this.#pipe.write(frameOfPipe(said))
  }
}
