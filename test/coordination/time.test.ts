import { describe, expect, test, vi } from "vitest"
import { between, below, type Random, seededRandom } from "../../src/core/base/random.ts"
import { BLIND } from "../../src/testing/watch.ts"
import { simulatedWorld, type SimulatedMember, type World } from "../../src/testing/world.ts"

/** A world of three members takes seconds of a busy machine. */
vi.setConfig({ testTimeout: 60_000 })

const START = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LIFE = 2 * MINUTE

/** A cluster whose applications use the token every few seconds, and what the server saw of it. */
class Account {
  readonly world: World
  readonly random: Random
  /** When POSTs were judged, in the world's time. */
  readonly posts: number[] = []
  /** What was served although the server would refuse it. */
  readonly stale: string[] = []
  readonly #mintedMs = new Map<string, number>()
  readonly #bootedMs = new Map<SimulatedMember, number>()
  readonly idle = new Set<SimulatedMember>()
  #usedMs = 0

  constructor(members: number, seed: number) {
    this.random = seededRandom(seed)
    this.world = simulatedWorld({
      random: this.random,
      voters: members,
      policy: { type: "strict" },
      lifetimeSeconds: LIFE / 1_000,
      courierSurvives: true,
      lastResort: "ask",
      watch: {
        ...BLIND,
        judged: () => {
          this.posts.push(this.nowMs)
          this.#mintedMs.set(this.world.server.currentOf(1), this.nowMs)
        },
      },
    })
  }

  get nowMs(): number {
    return this.world.scheduler.nowMs
  }

  member(at: number): SimulatedMember {
    return this.world.members[at] as SimulatedMember
  }

  /** Logs in at a member whose wall clock is wrong by `skewMs`, 5 s after everybody was started. */
  async begin(at = 0, skewMs = 0): Promise<this> {
    for (const member of this.world.members) member.start()
    await this.world.runUntil(5_000)
    const { accessToken, refreshToken } = this.world.server.mint()
    this.#mintedMs.set(refreshToken, this.nowMs)
    const { coordinator } = this.member(at)
    const tokens = {
      accessToken,
      tokenType: "Bearer",
      refreshToken,
      expiresInSeconds: LIFE / 1_000,
      scope: null,
      refreshExpiresInSeconds: null,
      subject: null,
    }
    const settings = {
      issuer: "https://as.example",
      tokenEndpoint: null,
      clientId: "simulated",
      clientAuthentication: "none" as const,
      scope: null,
      replayPolicy: { type: "strict" as const },
    }
    const issuedAtMs = START + this.nowMs + skewMs
    void coordinator
      ?.configure(settings, null)
      .then(() => coordinator.login({ tokens, issuedAtMs }))
    // Somebody waits for it everywhere: the first look at the token may be the moment in which it comes.
    while ((this.world.scheduler.nextAtMs() ?? Infinity) < 10_000) {
      await this.world.step()
      for (const member of this.world.members) this.use(member)
    }
    await this.world.runUntil(10_000)
    return this
  }

  /** `skewMs`: its clock is as wrong after the start as before. */
  reboot(member: SimulatedMember, skewMs: number): void {
    member.crashMachine()
    member.jumpClock(skewMs)
    this.#bootedMs.set(member, this.nowMs)
    member.start()
  }

  /** Everything that is awake uses the token every 3 s, and asks for another when it finds it ended. */
  async run(forMs: number): Promise<void> {
    const endMs = this.nowMs + forMs
    while (this.nowMs < endMs) {
      const next = this.world.scheduler.nextAtMs() ?? Infinity
      await (next < Math.min(endMs, this.#usedMs + 3_000)
        ? this.world.step()
        : this.world.runUntil(Math.min(endMs, this.#usedMs + 3_000)))
      if (this.nowMs < this.#usedMs + 3_000) continue
      this.#usedMs = this.nowMs
      for (const member of this.world.members) if (!this.idle.has(member)) this.use(member)
      // What was asked for begins in this moment, before the world moves on.
      for (let turn = 0; turn < 24; turn += 1) await Promise.resolve()
    }
  }

  use(member: SimulatedMember): void {
    const token = member.coordinator?.token() ?? null
    if (token === null) return
    const uptimeMs = this.nowMs - (this.#bootedMs.get(member) ?? 0)
    if (uptimeMs >= token.endsAtUptimeMs) {
      return member.coordinator?.demand(token.epoch, token.generation, false)
    }
    member.coordinator?.used()
    const ageMs =
      this.nowMs - (this.#mintedMs.get(token.accessToken.split("-of-").at(-1) ?? "") ?? -Infinity)
    // A second: the server's Date tells no more.
    if (ageMs > LIFE + 1_000) this.stale.push(`${token.accessToken} after ${ageMs} ms`)
  }

  /** What breaks the rule: one POST in each life of a token that is used throughout, none before 60 % of it. */
  problems(): readonly string[] {
    // Half a second either way: the server's Date tells no more.
    const lives = this.posts.map((atMs, at) => atMs - (this.posts[at - 1] ?? 5_000))
    const early = lives.filter((ms) => ms < 0.6 * LIFE - 1_500).map((ms) => `early: after ${ms} ms`)
    const late = lives.filter((ms) => ms > LIFE + 1_500).map((ms) => `late: after ${ms} ms`)
    const { rejected, revoked, sentTwice } = this.world.server.counts
    const bad = rejected + revoked + sentTwice > 0 ? ["the server was sent a spent token"] : []
    return [...early, ...late, ...bad, ...this.stale]
  }
}

describe("a clock that is wrong by an hour", () => {
  test.each([
    ["fast, and the login is made at a right one", 0, [0, HOUR, 0]],
    ["fast, and the login is made there", 1, [0, HOUR, 0]],
    ["slow, and the login is made at a right one", 0, [0, -HOUR, 0]],
    ["slow, and the login is made there", 1, [0, -HOUR, 0]],
    ["fast here and slow there, with the login at either", 2, [0, HOUR, -HOUR]],
  ] as const)("%s: one refresh per lifetime, none early", async (_, at, skews) => {
    const account = new Account(3, 1)
    skews.forEach((skew, index) => account.member(index).jumpClock(skew))
    await account.begin(at, skews[at])

    await account.run(10 * LIFE)

    expect(account.posts.length).toBeGreaterThanOrEqual(10)
    expect(account.problems()).toEqual([])
  })

  test.each([HOUR, -HOUR])(
    "by %s ms on the only machine, which is started anew again and again: one refresh per lifetime, none early",
    async (skew) => {
      const account = new Account(1, 2)
      account.member(0).jumpClock(skew)
      await account.begin(0, skew)
      await account.run(LIFE)

      for (let round = 0; round < 12; round += 1) {
        account.reboot(account.member(0), skew)
        await account.run(0.7 * LIFE)
      }

      expect(account.problems()).toEqual([])
    },
  )
})

describe("a wall clock that jumps by four hours", () => {
  test.each([1, 2, 3, 4])(
    "to and fro, at any moment and any member: one refresh per lifetime, none early (seed %s)",
    async (seed) => {
      const account = await new Account(3, seed).begin()

      for (let jumps = 0; jumps < 50; jumps += 1) {
        const sign = account.random() < 0.5 ? 1 : -1
        account.member(below(account.random, 3)).jumpClock(sign * 4 * HOUR)
        await account.run(between(account.random, 100, LIFE / 5))
      }

      expect(account.posts.length).toBeGreaterThanOrEqual(4)
      expect(account.problems()).toEqual([])
    },
  )

  test.each([4 * HOUR, -4 * HOUR])(
    "by %s ms while the application is restarted: one refresh per lifetime, none early",
    async (jump) => {
      const account = await new Account(1, 5).begin()
      const member = account.member(0)

      for (let round = 0; round < 12; round += 1) {
        await account.run(0.4 * LIFE)
        member.crash()
        member.jumpClock(round % 2 === 0 ? jump : -jump)
        member.start()
      }

      expect(account.problems()).toEqual([])
    },
  )

  test.each([4 * HOUR, -4 * HOUR])(
    "by %s ms during a POST: its pair lives as long as any other",
    async (jump) => {
      const account = await new Account(3, 6).begin()
      while (!account.world.members.some(({ carrying }) => carrying)) await account.run(1)

      for (const member of account.world.members) member.jumpClock(jump)
      await account.run(4 * LIFE)

      expect(account.problems()).toEqual([])
    },
  )

  test.each([4 * HOUR, -4 * HOUR])("by %s ms ends no wait after a doubt early", async (jump) => {
    const account = await new Account(1, 7).begin()
    account.world.setRoute({ replyLost: 1 })
    const member = account.member(0)
    const inDoubt = (): boolean => member.coordinator?.status().cause === "in_doubt"
    while (!inDoubt()) await account.run(1_000)

    member.jumpClock(jump)
    await account.run(3 * LIFE)

    expect(account.posts.length).toBe(1)
    expect(account.stale).toEqual([])
  })
})

describe("a sleep longer than the token's life", () => {
  test("of a single machine costs one POST, when the token is used again", async () => {
    const account = await new Account(1, 8).begin()
    const member = account.member(0)
    await account.run(LIFE)
    const before = account.posts.length

    member.sleep()
    await account.run(8 * HOUR)
    expect(account.posts.length).toBe(before)
    member.wake()
    await account.run(10_000)

    expect(account.posts.length).toBe(before + 1)
    expect(member.coordinator?.status().stage).toBe("ready")
    expect(account.stale).toEqual([])
  })

  test("is noticed within 5 s of the wake-up by whoever listens", async () => {
    const account = await new Account(1, 9).begin()
    const member = account.member(0)
    const stages: string[] = []
    member.coordinator?.subscribe((event) => {
      if (event.type === "status") stages.push(`${event.status.stage} ${event.status.cause}`)
    })
    account.idle.add(member)
    account.world.scheduler.runFor(1_000)

    member.sleep()
    await account.run(8 * HOUR)
    stages.length = 0
    member.wake()
    await account.run(5_000)

    expect(stages[0]).toMatch(/^refreshing/)
  })

  test("of one member of three costs no POST: it takes what the others have", async () => {
    const account = await new Account(3, 10).begin()
    await account.run(LIFE)

    for (let round = 0; round < 6; round += 1) {
      const sleeper = account.member(round % 3)
      sleeper.sleep()
      await account.run(2 * LIFE)
      sleeper.wake()
      await account.run(LIFE / 2)
    }

    expect(account.problems()).toEqual([])
  })

  test("of the whole cluster, woken at once, costs one POST", async () => {
    const account = await new Account(3, 11).begin()
    await account.run(LIFE)
    const before = account.posts.length

    for (const member of account.world.members) member.sleep()
    await account.run(8 * HOUR)
    for (const member of account.world.members) member.wake()
    await account.run(30_000)

    expect(account.posts.length).toBe(before + 1)
    expect(account.stale).toEqual([])
    const generations = account.world.members.map((m) => m.coordinator?.token()?.generation)
    expect(new Set(generations).size).toBe(1)
  })

  test("with a wall clock that was set meanwhile costs one POST as well", async () => {
    const account = await new Account(1, 12).begin()
    const member = account.member(0)
    await account.run(LIFE)
    const before = account.posts.length

    member.sleep()
    await account.run(4 * HOUR)
    // As if no time had passed.
    member.jumpClock(-4 * HOUR)
    member.wake()
    await account.run(10_000)

    expect(account.posts.length).toBe(before + 1)
    expect(account.stale).toEqual([])
  })
})
