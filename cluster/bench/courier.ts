/**
 * What a courier of its own process adds to a POST: the same request carried by the host itself, by a courier that was made
 * ready, by one that has carried before, and by one that is started for it. Decides what is measured: from the go until the recorded answer is at the host.
 */

import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

import { detachedCourier } from "../../src/courier/detached.ts"
import { dialAhead } from "../../src/endpoint/ahead.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import { systemClock } from "../../src/machine/clock.ts"
import { machineLock } from "../../src/machine/lock.ts"
import { profileDirectory } from "../../src/machine/profile.ts"
import type { Courier } from "../../src/ports/courier.ts"
import { nodeCrypto } from "../../src/seal/crypto.ts"
import { identityFrom } from "../../src/seal/identity.ts"
import { sqliteJournal } from "../../src/storage/sqlite-journal.ts"

/** Each in ms, one number a round. */
export interface CourierReport {
  readonly inline: readonly number[]
  readonly foreseen: readonly number[]
  readonly again: readonly number[]
  readonly cold: readonly number[]
}

/** Long enough for a courier to start and to connect. */
const FORESIGHT_MS = 400

export async function measureCourier(rounds: number): Promise<CourierReport> {
  const server = createServer((_, response) => void response.end('{"access_token":"a"}'))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const path = mkdtempSync(join(tmpdir(), "quorate-bench-"))
  const inline = courierAt(path, null)
  const times = {
    inline: [] as number[],
    foreseen: [] as number[],
    again: [] as number[],
    cold: [] as number[],
  }
  let turn = 0
  const carry = async (courier: Courier, ahead: boolean): Promise<number> => {
    if (ahead) {
      courier.dial(url)
      await pause(20)
    }
    const key = { epoch: 1, generation: 1, parent: "p", turn: (turn += 1), attempt: 1 }
    const startedAt = performance.now()
    const carried = await courier.carry(key, { url, headers: [], body: "refresh_token=none" })
    const took = performance.now() - startedAt
    if (carried.type !== "answered") throw new Error(`a courier said ${carried.type}`)
    courier.settle(key)
    return took
  }
  try {
    // The first round of each warms up.
    for (let round = 0; round <= rounds; round += 1) {
      const unforeseen = courierAt(path)
      const ready = courierAt(path)
      const took = { inline: await carry(inline, true), cold: await carry(unforeseen, false) }
      ready.standBy()
      await pause(FORESIGHT_MS)
      const more = { foreseen: await carry(ready, true), again: await carry(ready, true) }
      unforeseen.close()
      ready.close()
      if (round === 0) continue
      times.inline.push(took.inline)
      times.cold.push(took.cold)
      times.foreseen.push(more.foreseen)
      times.again.push(more.again)
    }
    return times
  } finally {
    inline.close()
    server.close()
    rmSync(path, { recursive: true, force: true })
  }
}

function courierAt(path: string, program?: null): Courier {
  const { courierDb, courierLock, hostLock } = profileDirectory(path)
  return detachedCourier({
    files: { journal: courierDb, lock: courierLock, hostLock },
    committer: [],
    ...(program === undefined ? {} : { program }),
    journal: sqliteJournal(courierDb),
    lock: machineLock(courierLock),
    send: sendExchange,
    dial: dialAhead,
    crypto: nodeCrypto,
    identity: identityFrom(nodeCrypto.randomBytes(64)),
    clock: systemClock,
  })
}
