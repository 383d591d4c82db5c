/** A bare libp2p node that speaks to a member byte by byte, with or without a key that is approved. */

import { multiaddr } from "@multiformats/multiaddr"
import { memberGater } from "../../src/p2p/gater.ts"
import { peerIdText, startNode } from "../../src/p2p/node.ts"
import { encodeFrame } from "../../src/wire/frame.ts"
import { type Hello, WIRE_VERSION } from "../../src/wire/messages.ts"
import type { TestMember } from "./members.ts"

export interface Stranger extends AsyncDisposable {
  /** Sends raw bytes. */
  send(bytes: Uint8Array): void
  /** Ends our half of the stream. */
  end(): Promise<void>
  /** The member has ended the stream. */
  ended(): boolean
}

export const HELLO: Hello = {
  version: WIRE_VERSION,
  clusterId: "cluster",
  member: "b.0",
  name: "stranger",
  genesis: "genesis",
}
export const frame: (value: unknown) => Uint8Array = encodeFrame

/** Connects to `target` with the key of `self` and opens the stream. Rejects when it is not let in. */
export async function stranger(self: TestMember, target: TestMember): Promise<Stranger> {
  const node = await startNode({
    signingSeed: self.signingSeed,
    listen: [],
    gater: memberGater(
      () => true,
      () => undefined,
    ),
  })
  try {
    const address = multiaddr(`${target.address}/p2p/${peerIdText(target.publicKey)}`)
    const signal = AbortSignal.timeout(3_000)
    const connection = await node.dial(address, { signal })
    const stream = await connection.newStream("/quorate/1", { signal })
    let ended = false
    // Without a listener what the member says would pile up; it is not looked at.
    stream.addEventListener("message", () => undefined)
    stream.addEventListener("remoteCloseWrite", () => (ended = true))
    stream.addEventListener("close", () => (ended = true))
    return {
      send: (bytes) => void stream.send(bytes),
      end: () => stream.close({ signal }),
      ended: () => ended,
      async [Symbol.asyncDispose]() {
        await node.stop()
      },
    }
  } catch (error) {
    await node.stop()
    throw error
  }
}
