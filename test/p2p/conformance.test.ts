import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import { p2pTransport } from "../../src/p2p/transport.ts"
import type { Transport } from "../../src/ports/transport.ts"
import { transportSuite } from "../../src/testing/suites/transport.ts"
import { optionsOf, testMember, until } from "./members.ts"

describe("the libp2p transport", () => {
  transportSuite({ test, expect }, async () => {
    const [a, b, c] = await Promise.all([testMember("a"), testMember("b"), testMember("c")])
    const members = { a, b, c }
    const opened: Transport[] = []
    return {
      idOf: (name) => members[name].id,
      open(name, options = {}) {
        const { approved = ["a", "b", "c"] as const, clusterId = "cluster" } = options
        const known = approved.map((one) => members[one])
        const transport = p2pTransport({ ...optionsOf(members[name], known), clusterId })
        opened.push(transport)
        return transport
      },
      until,
      settle: () => sleep(250),
      async destroy() {
        await Promise.all(opened.map((transport) => transport.close()))
      },
    }
  })
})
