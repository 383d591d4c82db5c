/** Real members on loopback: keys, free ports, and transports that clean up after themselves. */

import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type P2pOptions, p2pTransport } from "../../src/p2p/transport.ts"
import type { Transport } from "../../src/ports/transport.ts"

export interface TestMember {
  /** Not a real multibase key: the transport leaves their form to its caller. */
  readonly key: string
  readonly id: string
  readonly signingSeed: Uint8Array
  readonly publicKey: Uint8Array
  readonly port: number
  readonly address: string
}

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex")

export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const der = Buffer.concat([PKCS8_ED25519, seed])
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }))
  return new Uint8Array(Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url"))
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === "object" && address !== null ? address.port : 0
}

export async function testMember(key: string): Promise<TestMember> {
  const signingSeed = new Uint8Array(randomBytes(32))
  const port = await freePort()
  return {
    key,
    id: `${key}.0`,
    signingSeed,
    publicKey: publicKeyOfSeed(signingSeed),
    port,
    address: `/ip4/127.0.0.1/tcp/${port}`,
  }
}

/** Options of one of these members; every one is approved and has its address. */
export function optionsOf(self: TestMember, members: readonly TestMember[]): P2pOptions {
  return {
    identity: { memberKey: self.key, signingSeed: self.signingSeed },
    publicKeyOf(key) {
      const member = members.find((one) => one.key === key)
      if (member === undefined) throw new Error(`no member ${key}`)
      return member.publicKey
    },
    self: self.id,
    name: self.key,
    clusterId: "cluster",
    genesis: "genesis",
    listen: [self.address],
    peers: members.map(({ id, address }) => ({ id, addresses: [address] })),
    random: Math.random,
  }
}

/** A started transport and what it was told: `up ID`, `down ID`, `ID GENERATION`, `refused REASON`. */
export interface Running extends AsyncDisposable {
  readonly transport: Transport
  readonly seen: string[]
}

export async function running(options: P2pOptions): Promise<Running> {
  const transport = p2pTransport(options)
  const seen: string[] = []
  await transport.start({
    message: (from, message) =>
      seen.push(`${from} ${"generation" in message ? message.generation : message.type}`),
    peer: (id, up) => seen.push(`${up ? "up" : "down"} ${id}`),
    refused: (reason) => seen.push(`refused ${reason}`),
  })
  return { transport, seen, [Symbol.asyncDispose]: () => transport.close() }
}

/** Waits in real time: libp2p has no other. */
export async function until(condition: () => boolean, timeoutMs = 8_000): Promise<boolean> {
  const endMs = performance.now() + timeoutMs
  while (!condition() && performance.now() < endMs) await sleep(5)
  return condition()
}
