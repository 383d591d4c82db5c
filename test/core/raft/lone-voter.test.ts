// What the learners of a lone voter say of their quorum, of which they hear nothing while they lack nothing.

import { describe, expect, test } from "vitest"
import { appendOf, Bench, ELECTION_MS } from "../../helpers/raft/lab.ts"

// DESIGN §8: an idle cluster sends nothing, and people with one voter were told that there was no quorum.
describe("a learner of a lone voter", () => {
  const LATE = 1_000 * ELECTION_MS
  const heard = (config = "b+a"): Bench => {
    const bench = new Bench({ config })
    bench.hear("b", appendOf(1))
    return bench
  }

  test("has a quorum while it is connected to it, however long nobody says anything", () => {
    expect(heard().core.status(LATE)).toMatchObject({ quorum: true, leaderSeenAt: 0 })
    expect(heard("bcd+a").core.status(LATE).quorum).toBe(false)
    expect(new Bench({ config: "b+a" }).status.quorum).toBe(false)
  })

  test("has none without the connection, and again when it is heard", () => {
    const bench = heard()
    bench.step({ type: "peer", id: "b", up: false })
    const cut = bench.status.quorum
    bench.step({ type: "peer", id: "b", up: true })
    const back = bench.status.quorum
    bench.hear("b", appendOf(1))

    expect([cut, back, bench.status.quorum]).toEqual([false, false, true])
  })

  // Counter-example: the voter's machine sleeps, and its connection stands.
  test("has none when it asks in vain for an election time-out, until it is heard", () => {
    const bench = heard()
    bench.now = LATE
    bench.propose("x")
    bench.now = LATE + 10
    bench.propose("y")
    const [patient, vain] = [ELECTION_MS, ELECTION_MS + 1].map(
      (ms) => bench.core.status(LATE + ms).quorum,
    )
    bench.wake(LATE + 4 * ELECTION_MS)
    const still = bench.status.quorum
    bench.hear("b", appendOf(1))

    expect([patient, vain, still, bench.status.quorum]).toEqual([true, false, false, true])
  })

  test("does not count against it what passed asleep", () => {
    const bench = heard()
    bench.propose("x")
    bench.now = LATE
    bench.step({ type: "resumed" })

    expect(bench.status.quorum).toBe(true)
    expect(bench.core.status(LATE + ELECTION_MS + 1).quorum).toBe(false)
  })
})
