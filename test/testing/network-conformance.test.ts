import { describe, expect, test } from "vitest"
import { seededRandom } from "../../src/core/base/random.ts"
import { virtualScheduler } from "../../src/testing/clock.ts"
import { simulatedNetwork } from "../../src/testing/network.ts"
import { transportSuite } from "../../src/testing/suites/transport.ts"

describe("the simulated transport", () => {
  transportSuite({ test, expect }, () => {
    const scheduler = virtualScheduler()
    const network = simulatedNetwork(scheduler, seededRandom(1))
    return Promise.resolve({
      idOf: (name) => `${name}.0`,
      open: (name, options = {}) =>
        network.transport(`${name}.0`, {
          clusterId: options.clusterId,
          approved: options.approved?.map((one) => `${one}.0`),
        }),
      until(condition) {
        for (let at = 0; at < 1_000 && !condition(); at += 1) scheduler.runFor(10)
        return Promise.resolve(condition())
      },
      settle() {
        scheduler.runFor(5_000)
        return Promise.resolve()
      },
      destroy: () => Promise.resolve(),
    })
  })
})
