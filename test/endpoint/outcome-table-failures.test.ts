/**
 * The outcome table, rows 1 to 9: what a refresh without a whole answer means. Each row is one test, against the real
 * server or a raw socket that misbehaves exactly so. What the sender records on the way is exchange.test.ts.
 */

import { afterEach, expect, test } from "vitest"
import type { Outcome } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { attempt, refreshAt, settingsOf, start, stopAll } from "./attempts.ts"
import { acceptingServer, rawServer, reply, secureServer, selfSigned } from "./misbehaving.ts"
import { closeAll, PAIR, using } from "./sending.ts"

afterEach(async () => {
  await stopAll()
  await closeAll()
})

const certificate = selfSigned()

test("row 1: an address that no token may be sent to is a misconfiguration, not something to try again", async () => {
  for (const [url, cause] of [
    ["http://as.example/token", "INSECURE_URL"],
    ["https://user:pass@as.example/token", "INVALID_URL"],
  ] as const) {
    expect(await refreshAt(url)).toEqual({ type: "misconfigured", cause })
  }
})

test("row 2: a name that is not found leaves the token unspent", async () => {
  const outcome = await refreshAt("https://as.invalid/token")

  expect(outcome).toEqual({
    type: "unspent",
    cause: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
  })
})

test("row 3: a connection that is refused leaves the token unspent", async () => {
  const server = await rawServer(() => {})
  await server.close()

  expect(await refreshAt(server.url)).toEqual({ type: "unspent", cause: "ECONNREFUSED" })
})

test("row 4: a TLS handshake that fails leaves the token unspent, under the name of the fault", async () => {
  const plain = await using(acceptingServer((socket) => socket.end("HTTP/1.1 400 X\r\n\r\n")))
  const https = (url: string): string => url.replace("http:", "https:")

  expect(await refreshAt(https(plain.url))).toEqual({
    type: "unspent",
    cause: expect.stringMatching(/^ERR_SSL_/),
  })
  if (certificate === null) return
  const stranger = await using(secureServer(certificate, (socket) => socket.end(reply(200, PAIR))))
  expect(await refreshAt(https(stranger.url))).toEqual({
    type: "unspent",
    cause: "DEPTH_ZERO_SELF_SIGNED_CERT",
  })
  expect(stranger.received).toEqual([])
})

test("row 5: a reset while the request is still leaving is a doubt, since a part may be all it takes", async () => {
  const server = await using(
    acceptingServer((socket) => socket.once("data", () => socket.resetAndDestroy())),
  )

  expect(await refreshAt(server.url, 5_000, "x".repeat(16_000_000))).toEqual({
    type: "in-doubt",
    spent: false,
    cause: expect.stringMatching(/^(ECONNRESET|EPIPE)$/),
  })
})

test("row 6: a reset or an end behind the request, without an answer, is a doubt", async () => {
  for (const how of ["resetAndDestroy", "end"] as const) {
    const server = await using(rawServer((socket) => void socket[how]()))

    const doubt = { type: "in-doubt", spent: false, cause: "ECONNRESET" }
    expect(await refreshAt(server.url)).toEqual(doubt)
    expect(server.received).toHaveLength(1)
  }
})

test("row 7: an answer that does not come in time is a doubt, for the effect may come later", async () => {
  let hasCommitted: (event: unknown) => void = () => {}
  const committed = new Promise((resolve) => (hasCommitted = resolve))
  const server = await start({ delayBeforeCommitMs: 700, onCommit: (event) => hasCommitted(event) })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

  const { outcome } = await attempt(endpoint, minted.refresh_token, 100)

  expect(outcome).toEqual({ type: "in-doubt", spent: false, cause: "TIMEOUT" })
  expect(server.isAlive(minted.refresh_token)).toBe(true)
  await committed
  expect(server.isAlive(minted.refresh_token)).toBe(false)
})

test("row 8: of a 200 that is cut or stalls, a whole refresh token is kept, and without one the pair is lost", async () => {
  const behind = PAIR.indexOf('"RT1"') + 5
  const cut = async (how: "resetAndDestroy" | "pause", length: number): Promise<Outcome> => {
    const server = await using(
      rawServer((socket) => {
        socket.write(reply(200, PAIR.slice(0, length), { "content-length": "90" }))
        // Behind the next look at the sockets: a reset takes along what was not read.
        setTimeout(() => setImmediate(() => socket[how]()), 30)
      }),
    )
    return refreshAt(server.url, 150)
  }

  for (const how of ["resetAndDestroy", "pause"] as const) {
    expect(await cut(how, behind)).toMatchObject({
      type: "granted",
      tokens: { accessToken: "AT1", refreshToken: "RT1" },
      salvaged: ["token_type", "body"],
    })
    const lost = { type: "in-doubt", spent: true, cause: "body_cut" }
    expect(await cut(how, behind - 1)).toEqual(lost)
  }
})

test("row 9: a process that slept over its request takes the answer that waits, and else has a doubt", async () => {
  const asleep = (): void => {
    // The whole process stands still past its bound, as in sleep.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120))
  }
  const answering = await using(
    rawServer((socket) => {
      socket.end(reply(200, PAIR))
      asleep()
    }),
  )
  const gone = await using(
    rawServer((socket) => {
      socket.resetAndDestroy()
      asleep()
    }),
  )

  expect(await refreshAt(answering.url, 60)).toMatchObject({ type: "granted", salvaged: [] })
  const doubt = { type: "in-doubt", spent: false, cause: "ECONNRESET" }
  expect(await refreshAt(gone.url, 60)).toEqual(doubt)
})
