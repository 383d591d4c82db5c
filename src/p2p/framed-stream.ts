/**
 * Frames on a libp2p stream. Decides the bound of what waits to be sent and that one bad frame ends the connection.
 * Leaves the meaning of frames to link.ts.
 */

import type { Stream } from "@libp2p/interface"
import { FrameError } from "../wire/errors.ts"
import { FrameDecoder } from "../wire/frame.ts"

/** Most bytes that wait for a slow peer: two of the longest frames and their small company. */
const QUEUE_BYTES_MAX = 1_048_576
const QUEUE_FRAMES_MAX = 1_024

export interface FramedStreamHandlers {
  /** One unpacked, unchecked value. May throw FrameError, which ends the stream. */
  frame(value: unknown): void
  /** Called once. `reason` is a short identifier. */
  ended(reason: string): void
}

export interface FramedStream {
  /** Sends at once or queues in order. False: dropped, since the queue is full or the stream has ended. */
  send(frame: Uint8Array): boolean
  /** Flushes what was sent, within a second, and ends. */
  close(reason: string): Promise<void>
  /** Ends at once, dropping everything. */
  abort(reason: string): void
}

/** Must be called in the same turn in which the stream was opened or handed over, or its first bytes are lost. */
export function framedStream(stream: Stream, handlers: FramedStreamHandlers): FramedStream {
  return new Framed(stream, handlers)
}

class Framed implements FramedStream {
  readonly #stream: Stream
  readonly #handlers: FramedStreamHandlers
  readonly #decoder = new FrameDecoder()
  #queue: Uint8Array[] = []
  #queueBytes = 0
  #ended = false

  constructor(stream: Stream, handlers: FramedStreamHandlers) {
    this.#stream = stream
    this.#handlers = handlers
    stream.addEventListener("message", (event) => this.#receive(event.data.subarray()))
    // The event, not `onDrain()`: that one resolves at once after its first use (@libp2p/utils 7.4.1).
    stream.addEventListener("drain", () => this.#flush())
    stream.addEventListener("remoteCloseWrite", () => this.#end("closed"))
    stream.addEventListener("close", (event) => this.#end(event.error ? "reset" : "closed"))
  }

  send(frame: Uint8Array): boolean {
    if (this.#ended) return false
    if (this.#queue.length === 0 && !this.#stream.writableNeedsDrain) return this.#write(frame)
    const bytes = this.#queueBytes + frame.length
    if (bytes > QUEUE_BYTES_MAX || this.#queue.length >= QUEUE_FRAMES_MAX) return false
    this.#queue.push(frame)
    this.#queueBytes = bytes
    return true
  }

  async close(reason: string): Promise<void> {
    if (this.#ended) return
    this.#end(reason)
    await this.#stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
  }

  abort(reason: string): void {
    if (this.#ended) return
    this.#end(reason)
    this.#stream.abort(new Error(reason))
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return
    try {
      for (const value of this.#decoder.push(chunk)) {
        this.#handlers.frame(value)
        if (this.#ended) return
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.abort(`bad-frame-${error.reason}`)
    }
  }

  #write(frame: Uint8Array): boolean {
    try {
      this.#stream.send(frame)
      return true
    } catch {
      // The stream closed under our hands; its `close` event may still be on its way.
      this.abort("reset")
      return false
    }
  }

  #flush(): void {
    while (!this.#ended && !this.#stream.writableNeedsDrain) {
      const frame = this.#queue.shift()
      if (frame === undefined) return
      this.#queueBytes -= frame.length
      this.#write(frame)
    }
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#queue = []
    this.#handlers.ended(reason)
  }
}
