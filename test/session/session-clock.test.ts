import { expect, test } from "vitest"
import { ClusterSession } from "../../src/session/session.ts"
import { leftMs } from "../../src/session/view.ts"
import { memberClock, virtualScheduler } from "../../src/testing/clock.ts"
import { FakeMember } from "../machine/fake-member.ts"

const HOUR = 3_600_000

/** A session on a machine that was started a minute ago, and a token that lives 10 min from now. */
function machine() {
  const scheduler = virtualScheduler()
  scheduler.runFor(60_000)
  const clock = memberClock(scheduler)
  const coordinator = new FakeMember()
  const token = {
    accessToken: "access",
    tokenType: "Bearer",
    expiresAtMs: clock.wallMs() + 600_000,
    endsAtUptimeMs: 660_000,
    generation: 1,
    epoch: 1,
    scope: null,
    refreshedHere: true,
  }
  coordinator.current = token
  const session = new ClusterSession({ coordinator, clock, provider: null, release: () => {} })
  return { scheduler, clock, coordinator, session, token }
}

test.each([4 * HOUR, -4 * HOUR])(
  "a session serves its token while it lives and no longer, whatever the wall clock does (%s ms)",
  async (jump) => {
    const { scheduler, clock, coordinator, session } = machine()

    clock.jumpWall(jump)
    expect(session.peekToken().accessToken).toBe("access")
    scheduler.runFor(599_000)
    clock.jumpWall(-2 * jump)
    const { accessToken } = await session.getToken({ minTtlMs: 1_000 })
    expect(accessToken).toBe("access")
    expect(coordinator.heard).toEqual(["used", "used"])

    scheduler.runFor(1_000)
    expect(() => session.peekToken()).toThrow(/refresh/)
    expect(coordinator.heard.at(-1)).toBe("demand 1.1")
  },
)

test("the member hears that a token is used once in 5 s, and of every other token at once", async () => {
  const { scheduler, clock, coordinator, session, token } = machine()

  for (let call = 0; call < 100; call += 1) await session.getToken()
  session.peekToken()
  expect(coordinator.heard).toEqual(["used"])
  scheduler.runFor(5_000)
  await session.getToken()
  expect(coordinator.heard).toEqual(["used", "used"])

  coordinator.current = { ...token, endsAtUptimeMs: clock.uptimeMs() + 60_000 }
  await session.getToken({ mode: "cached-only" })
  expect(coordinator.heard).toEqual(["used", "used"])
  await session.getToken()
  expect(coordinator.heard).toEqual(["used", "used", "used"])
})

test("a session serves no token that ended while the machine slept", () => {
  const { scheduler, clock, session } = machine()

  clock.sleep()
  scheduler.runFor(HOUR)
  clock.wake()

  expect(() => session.peekToken()).toThrow(/refresh/)
})

test("a token that was written down lives as long as the more careful clock says", () => {
  const { scheduler, clock, token } = machine()
  scheduler.runFor(300_000)
  expect(leftMs(token, clock)).toBe(300_000)

  const rebooted = memberClock(scheduler, { bootedAtMs: scheduler.nowMs })
  scheduler.runFor(400_000)
  expect(rebooted.uptimeMs()).toBeLessThan(token.endsAtUptimeMs)
  expect(leftMs(token, rebooted)).toBe(-100_000)

  clock.jumpWall(-4 * HOUR)
  expect(leftMs(token, clock)).toBe(-100_000)
})
