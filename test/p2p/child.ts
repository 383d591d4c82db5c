/** A member in a process of its own: `node child.ts '{"self": ..., "members": [...]}'`. Says every demand back. */

import { p2pTransport } from "../../src/p2p/transport.ts"
import { optionsOf, type TestMember } from "./members.ts"

interface Told {
  readonly self: string
  /** Closes when the first peer has come up, to show that nothing keeps the process alive. */
  readonly closes: boolean
  readonly members: readonly (Omit<TestMember, "signingSeed" | "publicKey"> & {
    readonly signingSeed: string
    readonly publicKey: string
  })[]
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))
const told = JSON.parse(process.argv[2] ?? "") as Told
const members = told.members.map((one) => ({
  ...one,
  signingSeed: bytes(one.signingSeed),
  publicKey: bytes(one.publicKey),
}))
const self = members.find(({ key }) => key === told.self)
if (self === undefined) throw new Error("no such member")

const transport = p2pTransport(optionsOf(self, members))
await transport.start({
  message: (from, message) => transport.send(from, message),
  peer: (_, up) => {
    if (up && told.closes) void transport.close()
  },
})
