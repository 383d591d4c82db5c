/** A connection made ahead: when it carries the request, and when it is left alone. */

import { createServer, type Socket } from "node:net"
import { afterEach, expect, test, vi } from "vitest"
import type { Exchange } from "../../src/core/oauth/types.ts"
import { dialAhead } from "../../src/endpoint/ahead.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import type { ConnectionAhead } from "../../src/ports/token-endpoint.ts"
import { listen, rawServer, reply, type RawServer } from "./misbehaving.ts"
import { closeAll, PAIR, post, using } from "./sending.ts"

afterEach(closeAll)

/** A server that answers, and the sockets that it has accepted. */
async function answering(): Promise<{ server: RawServer; accepted: Socket[] }> {
  const accepted: Socket[] = []
  const server = await using(
    listen((received) =>
      createServer((socket) => {
        const index = received.push("") - 1
        accepted.push(socket)
        socket
          .on("error", () => {})
          .on("data", (chunk) => {
            received[index] += chunk.toString("latin1")
            if (received[index]?.includes("client_id=c")) socket.end(reply(200, PAIR))
          })
      }),
    ),
  )
  return { server, accepted }
}

/** Connected here and there. */
async function standing(url: string, accepted: readonly Socket[]): Promise<ConnectionAhead> {
  const ahead = dialAhead(url)
  await vi.waitFor(() => expect(accepted).toHaveLength(1))
  await new Promise((resolve) => void setTimeout(resolve, 20))
  return ahead
}

function send(
  url: string,
  ahead: ConnectionAhead,
  claim: () => boolean = () => true,
): Promise<Exchange> {
  return sendExchange(post(url), { claim, ahead, timeoutMs: 2_000 })
}

test("carries the request, and nothing before it", async () => {
  const { server, accepted } = await answering()
  const ahead = await standing(server.url, accepted)
  let before: readonly string[] = []

  const exchange = await send(server.url, ahead, () => {
    before = [...server.received]
    return true
  })

  expect(before).toEqual([""])
  expect(server.received).toHaveLength(1)
  expect(exchange).toMatchObject({ connected: true, bodySent: true, failure: null })
  expect(exchange.response?.status).toBe(200)
})

test("is used for one request only", async () => {
  const { server, accepted } = await answering()
  const ahead = await standing(server.url, accepted)
  await send(server.url, ahead)

  expect((await send(server.url, ahead)).response?.status).toBe(200)

  expect(server.received).toHaveLength(2)
})

test("that the server closed meanwhile is replaced before anything is claimed", async () => {
  const { server, accepted } = await answering()
  const ahead = await standing(server.url, accepted)
  accepted[0]?.destroy()
  await new Promise((resolve) => void setTimeout(resolve, 20))
  let connections = 0

  const exchange = await send(server.url, ahead, () => {
    connections = accepted.length
    return true
  })

  expect(connections).toBe(2)
  expect(exchange.response?.status).toBe(200)
})

test("on which the server spoke first carries no token", async () => {
  const { server, accepted } = await answering()
  const ahead = await standing(server.url, accepted)
  accepted[0]?.write(reply(408, ""))
  await new Promise((resolve) => void setTimeout(resolve, 20))

  const exchange = await send(server.url, ahead)

  expect(exchange.response?.status).toBe(200)
  expect(server.received[0]).toBe("")
})

test("to another place is not used", async () => {
  const { server, accepted } = await answering()
  const other = await using(rawServer((socket) => socket.end(reply(200, PAIR))))
  const ahead = await standing(server.url, accepted)

  await send(other.url, ahead)

  expect(other.received).toHaveLength(1)
  expect(server.received).toEqual([""])
})

test("whose claim is refused sends nothing", async () => {
  const { server, accepted } = await answering()
  const ahead = await standing(server.url, accepted)

  const exchange = await send(server.url, ahead, () => false)

  expect(exchange.failure).toEqual({ phase: "claim", code: "CLAIM_REFUSED" })
  await vi.waitFor(() => expect(accepted[0]?.closed).toBe(true))
  expect(server.received).toEqual([""])
})

test("is gone after two seconds unused", async () => {
  const { server, accepted } = await answering()
  await standing(server.url, accepted)

  await vi.waitFor(() => expect(accepted[0]?.closed).toBe(true), { timeout: 3_000 })

  expect(server.received).toEqual([""])
})

test("to nowhere, or to a forbidden place, harms nobody", async () => {
  const { server } = await answering()
  const dead = await using(rawServer(() => {}))
  await dead.close()

  for (const url of [dead.url, "http://example.com/token", "nonsense"]) {
    const ahead = dialAhead(url)
    await new Promise((resolve) => void setTimeout(resolve, 20))
    expect((await send(server.url, ahead)).response?.status).toBe(200)
  }
})
