import { expect, test } from "vitest"

import type { ClusterStatus, CurrentToken } from "../../src/ports/coordinator.ts"
import { atRest } from "../../src/seal/at-rest.ts"
import { renewView, type ViewStorage } from "../../src/session/kept-view.ts"
import { openView } from "../../src/session/view.ts"

const sealed = atRest(new Uint8Array(32).fill(7))

function token(epoch: number, generation: number): CurrentToken {
  const accessToken = `${epoch}.${generation}`
  return {
    accessToken,
    epoch,
    generation,
    expiresAtMs: 1_000,
    lifetimeMs: 60,
    endsAtUptimeMs: 500,
    scope: null,
  } as unknown as CurrentToken
}

/** What lies written down after hosts that know of these heads, one after the other. */
function kept(...heads: readonly (readonly [epoch: number, generation: number, out?: "out"])[]) {
  let written: Uint8Array | null = null
  const storage: ViewStorage = {
    readBlob: () => written,
    writeBlob: (_, bytes) => void (written = bytes),
  }
  for (const [epoch, generation, out] of heads) {
    const status = { epoch, generation, cause: null } as ClusterStatus
    const current = out === "out" ? null : token(epoch, generation)
    renewView({ status: () => status, token: () => current }, storage, sealed)
  }
  return written === null ? undefined : (openView(written, sealed)?.accessToken ?? null)
}

test("the newest token lies written down for those without a host", () => {
  expect(kept([0, 0, "out"])).toBeUndefined()
  expect(kept([1, 1], [1, 2], [2, 1])).toBe("2.1")
})

// Found by the nemesis: killed behind a commit, a host was followed by one that did not know of it yet.
test("a host that knows less than the one before it takes nobody back", () => {
  expect(kept([1, 2], [1, 1])).toBe("1.2")
  expect(kept([2, 1], [1, 9])).toBe("2.1")
  expect(kept([2, 1], [1, 9, "out"])).toBe("2.1")
  expect(kept([1, 2], [1, 1], [1, 3])).toBe("1.3")
})

test("a logout takes the token away, also one that only this member knows of", () => {
  expect(kept([1, 2], [2, 0, "out"])).toBeNull()
  expect(kept([1, 2], [1, 2, "out"])).toBeNull()
})
