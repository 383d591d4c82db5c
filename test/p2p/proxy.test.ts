import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { type Proxy, type ProxyOptions, startProxy } from "../../cluster/proxy.ts"
import { until } from "./members.ts"

/** A server that says everything back, and a proxy before it. */
async function echo(
  options: Partial<ProxyOptions> = {},
): Promise<AsyncDisposable & { proxy: Proxy }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.pipe(socket)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const proxy = await startProxy({ target: { host: "127.0.0.1", port }, ...options })
  return {
    proxy,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await proxy.close()
    },
  }
}

interface Client {
  readonly socket: Socket
  readonly got: () => string
  readonly ended: () => boolean
}

function client(port: number): Client {
  const socket = connect(port, "127.0.0.1")
  let got = ""
  let ended = false
  socket.on("data", (chunk: Buffer) => (got += chunk.toString()))
  socket.on("error", () => undefined)
  socket.on("close", () => (ended = true))
  return { socket, got: () => got, ended: () => ended }
}

test("what is sent passes, both ways", async () => {
  await using world = await echo({ delayMs: 5 })
  const { socket, got } = client(world.proxy.port)

  socket.write("hello")

  expect(await until(() => got() === "hello")).toBe(true)
  socket.destroy()
})

test("a cut resets what is connected and what comes, until it heals", async () => {
  await using world = await echo()
  const first = client(world.proxy.port)
  first.socket.write("a")
  await until(() => first.got() === "a")

  world.proxy.cut()
  expect(await until(first.ended)).toBe(true)
  expect(await until(client(world.proxy.port).ended)).toBe(true)
  world.proxy.heal()
  const second = client(world.proxy.port)
  second.socket.write("b")

  expect(await until(() => second.got() === "b")).toBe(true)
  second.socket.destroy()
})

test("a hole in one direction swallows what goes that way alone", async () => {
  await using world = await echo()
  const both = [client(world.proxy.port), client(world.proxy.port)] as const
  for (const { socket } of both) socket.write("a")
  await until(() => both.every(({ got }) => got() === "a"))

  world.proxy.blackhole("back")
  both[0].socket.write("b")
  await sleep(50)
  expect(both[0].got()).toBe("a")
  world.proxy.heal()
  expect(await until(() => both[0].got() === "ab")).toBe(true)
  world.proxy.blackhole("out")
  both[1].socket.write("c")
  await sleep(50)
  expect(both[1].got()).toBe("a")
  world.proxy.heal()

  expect(await until(() => both[1].got() === "ac")).toBe(true)
  for (const { socket } of both) socket.destroy()
})

test("a delay that ends lets nothing overtake what was sent before", async () => {
  await using world = await echo()
  const { socket, got } = client(world.proxy.port)
  socket.setNoDelay(true)
  world.proxy.delay(60)

  socket.write("a")
  await sleep(20)
  world.proxy.delay(0)
  socket.write("b")

  expect(await until(() => got().length === 2)).toBe(true)
  expect(got()).toBe("ab")
  socket.destroy()
})

test("a black hole holds everything silently, and lets it go when it heals", async () => {
  await using world = await echo()
  const old = client(world.proxy.port)
  old.socket.write("a")
  await until(() => old.got() === "a")

  world.proxy.blackhole()
  old.socket.write("b")
  const late = client(world.proxy.port)
  late.socket.write("c")
  await sleep(100)
  expect([old.got(), late.got(), old.ended(), late.ended()]).toEqual(["a", "", false, false])
  world.proxy.heal()

  expect(await until(() => old.got() === "ab" && late.got() === "c")).toBe(true)
  old.socket.destroy()
  late.socket.destroy()
})
