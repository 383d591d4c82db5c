/**
 * Values on a byte stream: four bytes of length, big-endian, then one packed value. Decides the cap and the memory a
 * peer can claim. Knows no shapes, and no zod: a guest process imports this file alone.
 */

import { FrameError } from "./errors.ts"
import { PACKED_BYTES_MAX, pack, unpack } from "./pack.ts"

const HEADER_BYTES = 4

/** Longest payload of a frame, in bytes. A peer that announces more is refused before its bytes are read. */
export const FRAME_BYTES_MAX: number = PACKED_BYTES_MAX

/** Puts the length before packed bytes. @throws FrameError `too-long` */
export function frameOf(payload: Uint8Array): Uint8Array {
  if (payload.length > FRAME_BYTES_MAX) throw new FrameError("too-long")
  const frame = new Uint8Array(HEADER_BYTES + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length)
  frame.set(payload, HEADER_BYTES)
  return frame
}

/** Packs a value and puts its length before it. @throws FrameError `too-long` */
export function encodeFrame(value: unknown): Uint8Array {
  return frameOf(pack(value, FRAME_BYTES_MAX))
}

/**
 * Takes a stream apart, chunk by chunk. Holds one unfinished frame at most, hence no more than its cap in bytes,
 * however small the chunks. After an error it stays unusable: the stream has lost its rhythm.
 */
export class FrameDecoder {
  readonly #bytesMax: number
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerFilled = 0
  #body: Uint8Array | null = null
  #bodyFilled = 0
  #failed: FrameError | null = null

  /** @param bytesMax longest payload accepted. @defaultValue FRAME_BYTES_MAX */
  constructor(bytesMax: number = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** True between frames: a stream that ends here was not cut. */
  get idle(): boolean {
    return this.#headerFilled === 0
  }

  /**
   * Adds bytes and gives the values they complete, in order.
   *
   * @throws FrameError and nothing else; values completed by the same chunk before the fault are dropped with it.
   */
  push(chunk: Uint8Array): unknown[] {
    if (this.#failed !== null) throw this.#failed
    try {
      return this.#take(chunk)
    } catch (error) {
      this.#body = null
      this.#failed = error instanceof FrameError ? error : new FrameError("malformed")
      throw this.#failed
    }
  }

  #take(chunk: Uint8Array): unknown[] {
    const values: unknown[] = []
    let offset = 0
    while (offset < chunk.length) {
      if (this.#body === null) {
        const part = chunk.subarray(offset, offset + HEADER_BYTES - this.#headerFilled)
        this.#header.set(part, this.#headerFilled)
        this.#headerFilled += part.length
        offset += part.length
        if (this.#headerFilled < HEADER_BYTES) break
        this.#body = this.#newBody()
      } else {
        const part = chunk.subarray(offset, offset + this.#body.length - this.#bodyFilled)
        this.#body.set(part, this.#bodyFilled)
        this.#bodyFilled += part.length
        offset += part.length
      }
      if (this.#bodyFilled === this.#body.length) {
        values.push(unpack(this.#body, this.#bytesMax))
        this.#body = null
        this.#bodyFilled = 0
        this.#headerFilled = 0
      }
    }
    return values
  }

  #newBody(): Uint8Array {
    const length = new DataView(this.#header.buffer).getUint32(0)
    if (length > this.#bytesMax) throw new FrameError("too-long")
    if (length === 0) throw new FrameError("empty")
    return new Uint8Array(length)
  }
}
