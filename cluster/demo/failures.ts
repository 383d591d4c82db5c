/**
 * The scenes in which a process is killed with SIGKILL: the holder of a turn with the answer in its hands, and the leader.
 * Decides the moment of each death and what must be true afterwards.
 */

import type { AuthorizationServer } from "../../src/testing/authorization-server.ts"
import type { Member } from "./child.ts"
import { attempts } from "./journals.ts"
import { leaderOf, posts, SOON_MS, type Stage } from "./scenes.ts"

/** The answer travels this long: time enough to cut the holder off before it has it. */
const REPLY_DELAY_MS = 400
/** How long the others are asked for a token they cannot have. */
const VAIN_MS = 1_500

/** The holder dies after it wrote the answer down and before anybody else has it. */
export async function holderDies(stage: Stage): Promise<void> {
  const { world, story } = stage
  story.scene("3. The holder of the turn dies with the answer")
  const { server } = world.account
  if (server === null) {
    story.tell(
      "Left out: when this server has answered and its answer is on its way, nobody tells us.",
    )
    return
  }
  const leader = await leaderOf(stage)
  const [holder = leader] = world.others(leader.name)
  const others = world.others(holder.name)
  const head = world.generation(holder)
  const before = world.counts().posts
  const spent = await die(stage, server, holder)
  await waiting(stage, others, head, before)
  await saved(stage, server, { holder, head, before, spent })
}

/** @returns the number of the refresh token that was spent. */
async function die(
  { world, story }: Stage,
  server: AuthorizationServer,
  holder: Member,
): Promise<number> {
  let spent: number | null = null
  world.account.onCommit = (token) => {
    spent = token
    world.cut(holder.name)
  }
  server.knobs.delayAfterCommitMs = REPLY_DELAY_MS
  story.tell(
    `${holder.name} asks, so it holds the turn. The server's answers now take ${REPLY_DELAY_MS} ms.`,
  )
  // It is killed before it can say what came of this.
  world.get(holder, "force").catch(() => undefined)
  await story.until("the server to issue the next pair", () => spent !== null, SOON_MS)
  story.tell(
    `The server has issued the next pair; ${holder.name} is cut off before the answer is there.`,
  )
  const path = world.courierDb(holder.name)
  const recorded = (): boolean => attempts(path).some(({ phase }) => phase === "answered")
  await story.until("the answer in the holder's journal", recorded, SOON_MS)
  const pid = holder.pid
  await story.doing("the holder's death", holder.kill())
  world.account.onCommit = () => undefined
  server.knobs.delayAfterCommitMs = 0
  story.tell(`The answer is in its journal, and nowhere else. kill -9 ${pid}.`)
  return spent ?? 0
}

async function waiting(
  { world, story }: Stage,
  others: readonly Member[],
  head: number,
  before: number,
): Promise<void> {
  const names = others.map(({ name }) => name).join(" and ")
  story.tell(
    `${names} insist on a newer token for ${VAIN_MS / 1_000} s, and cannot know whether the old one is spent.`,
  )
  const insisted = await story.doing(
    "the others to insist in vain",
    Promise.all(others.map((one) => world.get(one, "force", VAIN_MS))),
  )
  await story.claim("the others do not guess", {
    expected: "no second POST, and a time-out for whoever insists",
    holds: () => world.counts().posts === before + 1 && insisted.every((one) => one === "TIMEOUT"),
    seen: () =>
      `${posts(world.counts().posts - before)}; ${others
        .map(({ name }, at) => `${name} got ${outcome(insisted[at])}`)
        .join(", ")}`,
  })
  const served = await Promise.all(others.map((one) => world.get(one, "need")))
  const statuses = (await world.use(others)) ?? []
  await story.claim("and keep working with the token they have", {
    expected: `generation ${head} and HTTP 200 at both`,
    holds: () =>
      served.every((one) => typeof one !== "string" && one.generation === head) &&
      statuses.every((status) => status === 200),
    seen: () => `generation ${world.generations(others)}; HTTP ${statuses.join(", ")}`,
  })
}

function outcome(answer: { readonly generation: number } | string | undefined): string {
  if (answer === undefined) return "nothing"
  return typeof answer === "string" ? answer : `generation ${answer.generation}`
}

interface Death {
  readonly holder: Member
  readonly head: number
  readonly before: number
  readonly spent: number
}

async function saved(
  { world, story }: Stage,
  server: AuthorizationServer,
  { holder, head, before, spent }: Death,
): Promise<void> {
  world.heal(holder.name)
  const startedAt = performance.now()
  await story.doing(`${holder.name} to start again`, holder.start())
  const ms = Math.round(performance.now() - startedAt)
  story.tell(`${holder.name} starts again on the same profile (${ms} ms), with its network healed.`)
  await story.claim("its record saves the pair", {
    expected: `generation ${head + 1} at every member`,
    holds: () => world.all(head + 1),
    seen: () =>
      `generation ${world.generations()}; ${Math.round(performance.now() - startedAt)} ms after its start`,
    withinMs: 2 * SOON_MS,
  })
  const of = (): number => server.counters().postsPerToken[spent] ?? 0
  await story.claim("that token was posted once", {
    expected: "1 POST of it and no family revoked",
    holds: () =>
      of() === 1 && world.counts().posts === before + 1 && world.counts().familiesRevoked === 0,
    seen: () => `${posts(of())} of it, ${world.counts().familiesRevoked} families revoked`,
  })
}

/** The leader dies; the others elect another and go on; it returns and catches up. */
export async function leaderDies(stage: Stage): Promise<void> {
  const { world, story } = stage
  story.scene("4. The leader dies")
  const leader = await leaderOf(stage)
  const others = world.others(leader.name)
  const [asker = leader] = others
  const head = world.generation(asker)
  const before = world.counts().posts
  const { pid } = leader
  await story.doing("the leader's death", leader.kill())
  const killedAt = performance.now()
  story.tell(
    `kill -9 ${pid}: that was ${leader.name}, the leader. ${asker.name} asks for a newer token.`,
  )
  await story.doing("a refresh without the old leader", world.get(asker, "force"))
  const ms = Math.round(performance.now() - killedAt)
  await story.claim("the others elect a leader and refresh", {
    expected: `1 POST and generation ${head + 1} at both`,
    holds: () =>
      world.all(head + 1, others) &&
      world.counts().posts === before + 1 &&
      world.leader() !== null &&
      world.leader() !== leader &&
      world.refresher(head + 1) !== null &&
      world.refresher(head + 1) !== leader.name,
    seen: () =>
      `${world.leader()?.name ?? "nobody"} leads, ${world.refresher(head + 1) ?? "nobody"} refreshed ` +
      `${ms} ms after the kill; generation ${world.generations(others)}; ` +
      posts(world.counts().posts - before),
    withinMs: SOON_MS,
  })
  const startedAt = performance.now()
  await story.doing(`${leader.name} to start again`, leader.start())
  await story.claim("the old leader returns and catches up", {
    expected: `generation ${head + 1} at every member`,
    holds: () => world.all(head + 1),
    seen: () =>
      `generation ${world.generations()}; ${Math.round(performance.now() - startedAt)} ms after its start`,
    withinMs: SOON_MS,
  })
}
