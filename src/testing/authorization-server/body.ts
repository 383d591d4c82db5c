/** Looks into a request's body and puts it back, so that the real server still reads and judges it itself. */

import type { IncomingMessage } from "node:http"

const BODY_BYTES_MAX = 65_536

/**
 * The whole body of `request`, which stays readable from its beginning.
 *
 * Bytes can be put back only while `end` was not emitted: that is why it reads until the parser says `complete` and
 * unshifts in the same turn.
 *
 * @returns null when the body is empty, larger than 64 KiB, or the peer went away.
 */
export function peekBody(request: IncomingMessage): Promise<string | null> {
  if (request.headers["content-length"] === "0") return Promise.resolve(null)
  const { promise, resolve } = promiseWithResolve<string | null>()
  const chunks: Buffer[] = []
  let bytes = 0

  const finish = (text: string | null): void => {
    request.off("readable", look)
    request.off("close", gone)
    if (bytes > 0) request.unshift(Buffer.concat(chunks))
    resolve(text)
  }
  const gone = (): void => finish(null)
  function look(): void {
    for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > BODY_BYTES_MAX) return finish(null)
    }
    if (request.complete) finish(bytes === 0 ? null : Buffer.concat(chunks).toString("utf8"))
  }
  request.on("readable", look)
  request.on("close", gone)
  return promise
}

function promiseWithResolve<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
