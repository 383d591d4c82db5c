/** What the sender records of an answer, and of failures before the first byte. */

import { globalAgent } from "node:http"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { afterEach, describe, expect, test, vi } from "vitest"
import { classify } from "../../src/core/oauth/outcome.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import {
  acceptingServer,
  rawServer,
  reply,
  secureServer,
  selfSigned,
  type Certificate,
  type RawServer,
} from "./misbehaving.ts"
import { BODY, closeAll, PAIR, post, send, using } from "./sending.ts"

afterEach(closeAll)

describe("an answer", () => {
  test("is recorded whole, with its headers in order", async () => {
    const server = await using(
      rawServer((socket) => socket.end(reply(200, PAIR, { "X-Two": "b", "X-One": "a" }))),
    )

    const exchange = await send(server.url)

    expect(exchange).toMatchObject({ connected: true, bodySent: true, failure: null })
    expect(exchange.response).toMatchObject({ status: 200, complete: true })
    expect(exchange.response?.headers).toEqual([
      ["content-type", "application/json"],
      ["content-length", String(PAIR.length)],
      ["x-two", "b"],
      ["x-one", "a"],
    ])
    expect(new TextDecoder().decode(exchange.response?.body)).toBe(PAIR)
    expect(exchange.finishedAtMs).toBeGreaterThanOrEqual(exchange.startedAtMs)
  })

  test("is asked for once, on a connection of its own that is closed afterwards", async () => {
    const server = await using(rawServer((socket) => socket.write(reply(200, PAIR))))
    await send(server.url)
    await send(server.url)

    // One entry for each connection.
    expect(server.received).toHaveLength(2)
    expect(server.received[0]).toMatch(/^POST \/token HTTP\/1\.1\r\n/)
    expect(server.received[0]).toMatch(/\r\nconnection: close\r\n/i)
    expect(server.received[0]).toContain(`\r\nhost: 127.0.0.1:${server.port}\r\n`)
    expect(server.received[0]?.endsWith(`\r\n\r\n${BODY}`)).toBe(true)
    expect(Object.keys(globalAgent.sockets)).toEqual([])
  })

  test("that redirects is not followed", async () => {
    const server = await using(
      rawServer((socket) => socket.end(reply(307, "", { location: "/elsewhere" }))),
    )

    const exchange = await send(server.url)

    expect(server.received).toHaveLength(1)
    expect(exchange.response?.status).toBe(307)
  })

  test("behind an informational one is the one that counts", async () => {
    const server = await using(
      rawServer((socket) =>
        socket.end(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${reply(200, PAIR)}`),
      ),
    )

    expect((await send(server.url)).response?.status).toBe(200)
  })

  test("larger than the cap is cut there", async () => {
    const server = await using(
      rawServer((socket) => {
        socket.write("HTTP/1.1 200 X\r\ncontent-type: application/json\r\n\r\n")
        socket.write(PAIR.slice(0, -1))
        socket.write(",".padEnd(2_000_000, " "))
      }),
    )

    const exchange = await send(server.url)

    expect(exchange.response).toMatchObject({ status: 200, complete: false })
    expect(exchange.response?.body).toHaveLength(1_048_576)
    expect(exchange.failure).toEqual({ phase: "response", code: "BODY_TOO_LARGE" })
    expect(classify(exchange, "refused")).toMatchObject({ tokens: { refreshToken: "RT1" } })
  })
})

describe("before the first byte", () => {
  test.each([
    ["not a url", "INVALID_URL"],
    ["ftp://127.0.0.1/token", "INVALID_URL"],
    ["https://user:pass@as.example/token", "INVALID_URL"],
    ["http://as.example/token", "INSECURE_URL"],
    ["http://127.0.0.1.evil.example/token", "INSECURE_URL"],
  ])("a request to %s is refused", async (url, code) => {
    const exchange = await send(url)

    expect(exchange).toMatchObject({ connected: false, failure: { phase: "prepare", code } })
  })

  test("a name that does not exist fails in phase dns", async () => {
    const exchange = await send("https://as.invalid/token", 10_000)

    expect(exchange).toMatchObject({ connected: false, bodySent: false, response: null })
    expect(exchange.failure?.phase).toBe("dns")
  })

  test("a refused connection fails in phase connect", async () => {
    const server = await rawServer(() => {})
    await server.close()
    const claim = vi.fn<() => boolean>(() => true)

    const exchange = await send(server.url, 2_000, claim)

    expect(exchange.failure).toEqual({ phase: "connect", code: "ECONNREFUSED" })
    expect(claim).not.toHaveBeenCalled()
  })

  test("localhost is tried in both address families", async () => {
    const server = await using(rawServer((socket) => socket.end(reply(200, PAIR))))

    const exchange = await send(`http://localhost:${server.port}/token`)

    expect(exchange.response?.status).toBe(200)
  })

  test("a server that speaks no TLS fails in phase tls", async () => {
    const server = await using(acceptingServer((socket) => socket.end("HTTP/1.1 400 X\r\n\r\n")))
    const claim = vi.fn<() => boolean>(() => true)

    const exchange = await send(server.url.replace("http:", "https:"), 2_000, claim)

    expect(exchange).toMatchObject({ connected: false, failure: { phase: "tls" } })
    expect(claim).not.toHaveBeenCalled()
  })

  test("a connection that ends in the TLS handshake fails in phase tls", async () => {
    const server = await using(acceptingServer((socket) => socket.destroy()))

    const exchange = await send(server.url.replace("http:", "https:"))

    expect(exchange.failure).toEqual({ phase: "tls", code: "ECONNRESET" })
  })

  test("a TLS handshake that never ends is given up at the bound, at once", async () => {
    const server = await using(acceptingServer(() => {}))

    const exchange = await send(server.url.replace("http:", "https:"), 50)

    expect(exchange.failure).toEqual({ phase: "tls", code: "TIMEOUT" })
    expect(exchange.finishedAtMs - exchange.startedAtMs).toBeLessThan(50 + 250)
  })

  test("a claim that is refused, or throws, sends nothing", async () => {
    const server = await using(rawServer((socket) => socket.end(reply(200, PAIR))))

    const refused = await send(server.url, 2_000, () => false)
    const failed = await send(server.url, 2_000, () => {
      throw new Error("canary-RT0")
    })

    expect(refused).toMatchObject({
      connected: true,
      bodySent: false,
      failure: { phase: "claim", code: "CLAIM_REFUSED" },
    })
    expect(failed.failure).toEqual({ phase: "claim", code: "CLAIM_FAILED" })
    expect(classify(refused, "refused").type).toBe("unspent")
    expect(server.received.join("")).toBe("")
  })

  test("the claim is made once, when the connection stands and before the first byte", async () => {
    const server = await using(rawServer((socket) => socket.end(reply(200, PAIR))))
    const seen: string[] = []

    await send(server.url, 2_000, () => {
      // A claim that takes its time: whatever was written before it would have arrived.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
      seen.push(server.received.join(""))
      return true
    })

    expect(seen).toEqual([""])
    expect(server.received).toHaveLength(1)
  })
})

test.each([
  ["x", "a\r\nb", "ERR_INVALID_CHAR"],
  ["x y", "a", "ERR_INVALID_HTTP_TOKEN"],
])(
  "a header that cannot be sent (%j) is found out before the connection",
  async (name, value, code) => {
    const server = await using(rawServer((socket) => socket.end(reply(200, PAIR))))
    const claim = vi.fn<() => boolean>(() => true)

    const exchange = await sendExchange(
      { ...post(server.url), headers: [[name, value]] },
      { claim },
    )

    expect(exchange.failure).toEqual({ phase: "prepare", code })
    expect(claim).not.toHaveBeenCalled()
    expect(server.received).toEqual([])
  },
)

const certificate = selfSigned()

describe.runIf(certificate !== null)("over TLS", () => {
  const secure = (): Promise<RawServer> =>
    using(secureServer(certificate as Certificate, (socket) => socket.end(reply(200, PAIR))))

  test("a certificate that nobody vouches for fails in phase tls, whatever the environment says", async () => {
    const server = await secure()
    const claim = vi.fn<() => boolean>(() => true)
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
    const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => {})

    const exchange = await send(server.url.replace("http:", "https:"), 2_000, claim)

    vi.unstubAllEnvs()
    warning.mockRestore()
    expect(exchange).toMatchObject({
      connected: false,
      failure: { phase: "tls", code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    })
    expect(claim).not.toHaveBeenCalled()
    expect(server.received).toEqual([])
  })

  test("a certificate that is trusted carries the request", async () => {
    const server = await secure()
    const trusted = getCACertificates("default")
    setDefaultCACertificates([...trusted, String(certificate?.cert)])

    const exchange = await send(server.url.replace("http:", "https:"))

    setDefaultCACertificates(trusted)
    expect(exchange).toMatchObject({ connected: true, bodySent: true, failure: null })
    expect(server.received.join("")).toContain("refresh_token=canary-RT0")
  })
})

test("the connection is closed by us when the answer is there", async () => {
  const closed: (() => void)[] = []
  const gone = new Promise<void>((resolve) => closed.push(resolve))
  const server = await using(
    rawServer((socket) => {
      socket.on("close", () => closed[0]?.())
      socket.write(reply(200, PAIR))
    }),
  )

  await send(server.url)

  await expect(gone).resolves.toBe(undefined)
})
