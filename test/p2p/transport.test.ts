import { expect, test } from "vitest"
import { startProxy } from "../../cluster/proxy.ts"
import { optionsOf, running, testMember, until } from "./members.ts"

test("a reset connection is noticed at once by both sides, and made again", async () => {
  const [a, b] = await Promise.all([testMember("a"), testMember("b")])
  const proxy = await startProxy({ target: { host: "127.0.0.1", port: b.port } })
  const viaProxy = { ...b, address: `/ip4/127.0.0.1/tcp/${proxy.port}` }
  await using one = await running(optionsOf(a, [a, viaProxy]))
  // b knows no address of a: it must be called.
  await using other = await running({
    ...optionsOf(b, [a, b]),
    peers: [{ id: a.id, addresses: [] }],
  })
  await until(() => one.seen.includes("up b.0") && other.seen.includes("up a.0"))

  const cutAtMs = performance.now()
  proxy.cut()
  await until(() => one.seen.includes("down b.0") && other.seen.includes("down a.0"))
  const noticedMs = performance.now() - cutAtMs
  proxy.heal()

  expect(noticedMs).toBeLessThan(1_000)
  expect(await until(() => one.seen.at(-1) === "up b.0")).toBe(true)
  one.transport.send("b.0", { type: "demand", epoch: 1, generation: 7 })
  expect(await until(() => other.seen.includes("a.0 7"))).toBe(true)
  await proxy.close()
})

test("a peer behind a black hole counts as up, and after a kick as gone", async () => {
  const [a, b] = await Promise.all([testMember("a"), testMember("b")])
  const proxy = await startProxy({ target: { host: "127.0.0.1", port: b.port } })
  const viaProxy = { ...b, address: `/ip4/127.0.0.1/tcp/${proxy.port}` }
  await using one = await running(optionsOf(a, [a, viaProxy]))
  await using other = await running({
    ...optionsOf(b, [a, b]),
    peers: [{ id: a.id, addresses: [] }],
  })
  await until(() => one.seen.includes("up b.0") && other.seen.includes("up a.0"))

  proxy.blackhole()
  one.transport.kick()

  expect(await until(() => one.seen.includes("down b.0"), 4_500)).toBe(true)
  expect(one.seen).toContain("refused silent")
  proxy.heal()
  expect(await until(() => one.seen.at(-1) === "up b.0" && other.seen.at(-1) === "up a.0")).toBe(
    true,
  )
  await proxy.close()
})

test("a message goes to the incarnation it names and to no other", async () => {
  const [a, b] = await Promise.all([testMember("a"), testMember("b")])
  await using one = await running(optionsOf(a, [a, b]))
  await using other = await running({ ...optionsOf(b, [a, b]), self: "b.3" })
  await until(() => one.seen.includes("up b.3") && other.seen.includes("up a.0"))

  one.transport.send("b.0", { type: "demand", epoch: 1, generation: 1 })
  one.transport.send("b.3", { type: "demand", epoch: 1, generation: 2 })

  expect(await until(() => other.seen.includes("a.0 2"))).toBe(true)
  expect(other.seen).not.toContain("a.0 1")
})

test("another founder's cluster of the same name is told apart by its genesis", async () => {
  const [a, b] = await Promise.all([testMember("a"), testMember("b")])
  await using one = await running(optionsOf(a, [a, b]))
  await using other = await running({ ...optionsOf(b, [a, b]), genesis: "another" })

  expect(await until(() => one.seen.includes("refused wrong-genesis"))).toBe(true)
  expect(await until(() => other.seen.includes("refused wrong-genesis"))).toBe(true)
  expect([...one.seen, ...other.seen].filter((line) => line.startsWith("up"))).toEqual([])
})

test("an address that is taken is a usage error", async () => {
  const a = await testMember("a")
  await using _ = await running(optionsOf(a, [a]))

  await expect(running(optionsOf(a, [a]))).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    message: `cannot listen on ${a.address}`,
  })
})

test("five members that start together are all connected, with one connection per pair", async () => {
  const members = await Promise.all(["a", "b", "c", "d", "e"].map(testMember))

  const all = await Promise.all(members.map((member) => running(optionsOf(member, members))))

  expect(await until(() => all.every(({ seen }) => seen.length === 4))).toBe(true)
  expect(all.flatMap(({ seen }) => seen).filter((line) => !line.startsWith("up"))).toEqual([])
  await Promise.all(all.map(({ transport }) => transport.close()))
})
