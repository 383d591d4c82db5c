/** What the sender records when a connection goes wrong after the first byte, and what the record then means. */

import { afterEach, describe, expect, test } from "vitest"
import { classify } from "../../src/core/oauth/outcome.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import { acceptingServer, rawServer, reply } from "./misbehaving.ts"
import { closeAll, PAIR, post, send, using } from "./sending.ts"

afterEach(closeAll)

describe("after the first byte", () => {
  test.each([
    ["is reset", "resetAndDestroy"],
    ["ends", "end"],
  ] as const)("a connection that %s behind the body had it sent", async (_, how) => {
    const server = await using(rawServer((socket) => void socket[how]()))

    const exchange = await send(server.url)

    expect(exchange).toMatchObject({ connected: true, bodySent: true, response: null })
    expect(exchange.failure).toEqual({ phase: "response", code: "ECONNRESET" })
  })

  test("a body that no server reads is not called sent", async () => {
    const server = await using(acceptingServer((socket) => socket.pause()))

    const exchange = await sendExchange(post(server.url, "x".repeat(16_000_000)), {
      claim: () => true,
      timeoutMs: 100,
    })

    expect(exchange).toMatchObject({
      connected: true,
      bodySent: false,
      failure: { phase: "send", code: "TIMEOUT" },
    })
  })

  test("an answer that does not come is waited for until the bound, and a turn longer", async () => {
    const server = await using(rawServer(() => {}))

    const exchange = await send(server.url, 60)

    expect(exchange.failure).toEqual({ phase: "response", code: "TIMEOUT" })
    expect(exchange.finishedAtMs - exchange.startedAtMs).toBeGreaterThanOrEqual(300)
  })

  test.each([
    ["reset", "resetAndDestroy"],
    ["closed", "destroySoon"],
  ] as const)("a body that is cut, the connection %s, keeps what came", async (_, how) => {
    const cut = PAIR.slice(0, PAIR.indexOf('"RT1"') + 5)
    const server = await using(
      rawServer((socket) => {
        socket.write(reply(200, cut, { "content-length": String(PAIR.length) }))
        setTimeout(() => socket[how](), 30)
      }),
    )

    const exchange = await send(server.url)

    expect(exchange.response).toMatchObject({ status: 200, complete: false })
    expect(exchange.failure).toEqual({ phase: "response", code: "ECONNRESET" })
    expect(new TextDecoder().decode(exchange.response?.body)).toBe(cut)
  })

  test("a body that stalls keeps what came", async () => {
    const server = await using(
      rawServer((socket) => {
        socket.write(reply(200, PAIR.slice(0, 20), { "content-length": String(PAIR.length) }))
      }),
    )

    const exchange = await send(server.url, 80)

    expect(exchange.failure).toEqual({ phase: "response", code: "TIMEOUT" })
    expect(exchange.response?.body).toHaveLength(20)
  })

  test.each([
    ["text that is not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["a protocol upgrade", "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
    ["headers without end", `HTTP/1.1 200 X\r\nx: ${"y".repeat(40_000)}\r\n\r\n`],
  ])("%s leaves a doubt", async (_, text) => {
    const server = await using(rawServer((socket) => socket.end(text)))

    const exchange = await send(server.url)

    expect(exchange.response).toBe(null)
    expect(exchange.failure?.phase).toBe("response")
    expect(exchange.failure?.code).toMatch(/^HPE_|^UNEXPECTED_UPGRADE$/)
    expect(classify(exchange, "refused")).toMatchObject({ type: "in-doubt", spent: false })
  })
})

test("no record names the token that was sent, save in what the server answered", async () => {
  const echo = await using(rawServer((socket, request) => socket.end(`${request}\r\n\r\n`)))
  const reset = await using(rawServer((socket) => socket.resetAndDestroy()))

  const exchanges = [await send(echo.url), await send(reset.url), await send("canary-RT0")]

  for (const exchange of exchanges) {
    expect(JSON.stringify({ ...exchange, response: null })).not.toContain("canary")
    expect(JSON.stringify(classify(exchange, "refused"))).not.toContain("canary")
  }
})
