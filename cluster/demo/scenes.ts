/**
 * The scenes in which nobody dies: one login, one refresh for all, a member cut off, and the reckoning. Decides what is
 * claimed in each; numbers are the server's own where it is ours.
 */

import type { Member } from "./child.ts"
import type { Story } from "./story.ts"
import type { World } from "./world.ts"

export interface Stage {
  readonly world: World
  readonly story: Story
}

/** Ms for a change to reach everybody; far more than it takes. */
export const SOON_MS = 5_000
/** How long is waited for a request that must not come. */
const SILENCE_MS = 300
const SHORT_LIFE_SECONDS = 4
const LONG_LIFE_SECONDS = 300
/** How often an application in use asks for its token. */
const USE_EVERY_MS = 300

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

export function posts(count: number): string {
  return count === 1 ? "1 POST" : `${count} POSTs`
}

/** Waits until the running members agree on a leader. */
export async function leaderOf({ world, story }: Stage): Promise<Member> {
  await story.until("the members to agree on a leader", () => world.leader() !== null, SOON_MS)
  const leader = world.leader()
  if (leader === null) throw new Error("the leader was lost at once")
  return leader
}

export async function oneLogin({ world, story }: Stage): Promise<void> {
  story.scene("1. One login")
  const started = performance.now()
  await story.doing(
    "the three members to start",
    Promise.all(world.members.map((one) => one.start())),
  )
  const pids = world.members.map(({ name, pid }) => `${name} ${pid}`).join(", ")
  story.tell(`Three processes run (${pids}), each with a profile of its own.`)
  story.tell(
    `They were up after ${Math.round(performance.now() - started)} ms. A person logs in at the laptop.`,
  )
  const { tokens, issuedAtMs } = await world.account.login()
  await story.doing("the login at the laptop", world.login("laptop", tokens, issuedAtMs))
  await story.claim("one login reaches all three", {
    expected: "generation 1 at every member",
    holds: () => world.all(1),
    seen: () => `generation ${world.generations()}`,
    withinMs: SOON_MS,
  })
  await accepted({ world, story }, "the server accepts the token of each")
}

/** Every member uses its token at the server; left out where the server has nothing to use it for. */
async function accepted({ world, story }: Stage, name: string): Promise<void> {
  const statuses = await story.doing("the server to accept the tokens", world.use(world.members))
  if (statuses === null) return
  await story.claim(name, {
    expected: "HTTP 200 three times",
    holds: () => statuses.every((status) => status === 200),
    seen: () => `HTTP ${statuses.join(", ")}`,
  })
}

export async function oneRefresh(stage: Stage): Promise<void> {
  const { world, story } = stage
  story.scene("2. One refresh for all")
  const leader = await leaderOf(stage)
  const [asker = leader] = world.others(leader.name)
  const head = world.generation(asker)
  const before = world.counts().posts
  const was = world.members.map((one) => world.generation(one))
  story.tell(`${leader.name} leads. ${asker.name} asks for a newer token.`)
  await story.doing("the refresh that one asked for", world.get(asker, "force"))
  await story.claim("one asks, one request, all have it", {
    expected: `1 POST and generation ${head + 1} at every member`,
    holds: () =>
      world.all(head + 1) &&
      world.refresher(head + 1) !== null &&
      world.counts().posts === before + 1,
    seen: () =>
      `${world.refresher(head + 1) ?? "nobody"} held the turn; ${world.change(was)}; ` +
      posts(world.counts().posts - before),
    withinMs: SOON_MS,
  })
  await stampede(stage)
}

/** All applications learn at the same moment that their token is refused: what revokes accounts elsewhere. */
async function stampede({ world, story }: Stage): Promise<void> {
  await Promise.all(world.members.map((one) => world.get(one, "need")))
  const head = world.generation(world.members[0] ?? raise())
  const before = world.counts().posts
  story.tell(`All three are told at once that the token of generation ${head} is refused.`)
  const served = await story.doing(
    "the refresh that all asked for",
    Promise.all(world.members.map((one) => world.get(one, "refused"))),
  )
  await pause(SILENCE_MS)
  const ways = served.map((one) => (typeof one === "string" ? one : one.source)).join(", ")
  await story.claim("three ask at once, still one request", {
    expected: `1 POST and generation ${head + 1} at every member`,
    holds: () => world.all(head + 1) && world.counts().posts === before + 1,
    seen: () =>
      `generation ${world.generations()}; served by ${ways}; ${posts(world.counts().posts - before)}`,
    withinMs: SOON_MS,
  })
}

function raise(): never {
  throw new Error("no members")
}

export async function cutOff(stage: Stage): Promise<void> {
  const { world, story } = stage
  story.scene("5. A member loses the network")
  const leader = await leaderOf(stage)
  const [lonely = leader] = world.others(leader.name)
  const others = world.others(lonely.name)
  const { server } = world.account
  if (server !== null) server.knobs.accessTokenTtlSeconds = SHORT_LIFE_SECONDS
  const head = world.generation(lonely) + 1
  await story.doing("a short-lived token", world.get(leader, "force"))
  await story.until("every member to have it", () => world.all(head), SOON_MS)
  world.cut(lonely.name)
  story.tell(
    server === null
      ? `${lonely.name} is cut off from the others.`
      : `Tokens live ${SHORT_LIFE_SECONDS} s from now on. ${lonely.name} is cut off from the others, which stay in use.`,
  )
  const use = setInterval(() => {
    for (const one of others) void world.get(one, "need").catch(() => undefined)
  }, USE_EVERY_MS)
  try {
    const served = await story.doing("a token at the member cut off", world.get(lonely, "need"))
    await story.claim("cut off, it serves what it has", {
      expected: `generation ${head} from its own store`,
      holds: () => typeof served !== "string" && served.generation === head,
      seen: () => (typeof served === "string" ? served : `generation ${served.generation}`),
    })
    if (server === null) await refreshWithout(stage, lonely, others)
    else await outlive(stage, lonely, others, head)
    if (server !== null) server.knobs.accessTokenTtlSeconds = LONG_LIFE_SECONDS
    await reunite(stage, lonely)
  } finally {
    clearInterval(use)
  }
  if (server === null) return
  // A token that lives for seconds would be refreshed by itself while the server's counters are read.
  const last = world.generation(lonely) + 1
  await story.doing("a long-lived token", world.get(lonely, "force"))
  await story.until(
    "every member to have it",
    () => world.members.every((one) => world.generation(one) >= last),
    SOON_MS,
  )
}

/** Where the life of a token is not ours to choose, the others are made to refresh. */
async function refreshWithout(
  { world, story }: Stage,
  lonely: Member,
  others: readonly Member[],
): Promise<void> {
  const [asker = lonely] = others
  const head = world.generation(asker)
  await story.doing("a refresh without it", world.get(asker, "force"))
  await story.claim("the others go on without it", {
    expected: `generation ${head + 1} at the others alone`,
    holds: () => world.all(head + 1, others) && world.generation(lonely) === head,
    seen: () => `generation ${world.generations()}`,
    withinMs: SOON_MS,
  })
}

async function outlive(
  { world, story }: Stage,
  lonely: Member,
  others: readonly Member[],
  head: number,
): Promise<void> {
  await story.claim("it says connecting when its token ends", {
    expected: `${lonely.name} connecting at generation ${head}, the others ready and beyond it`,
    holds: () =>
      lonely.seen?.stage === "connecting" &&
      world.generation(lonely) === head &&
      others.every((one) => world.generation(one) > head && one.seen?.stage !== "connecting"),
    seen: () => `${stageOf(lonely)}; ${others.map((one) => stageOf(one)).join("; ")}`,
    withinMs: SHORT_LIFE_SECONDS * 1_000 + SOON_MS,
  })
}

function stageOf({ name, seen }: Member): string {
  if (seen === null) return `${name} does not run`
  const cause = seen.cause === null ? "" : ` (${seen.cause})`
  return `${name} ${seen.stage}${cause} at ${seen.generation}`
}

async function reunite({ world, story }: Stage, lonely: Member): Promise<void> {
  const others = world.others(lonely.name)
  const waiting = world.get(lonely, "need")
  const startedAt = performance.now()
  world.heal(lonely.name)
  story.tell(`An application at ${lonely.name} asks for a token. The network heals.`)
  const served = await story.doing(`the token at ${lonely.name}`, waiting)
  const ms = Math.round(performance.now() - startedAt)
  const together = (): boolean =>
    world.members.every(({ seen }) => seen?.stage === "ready") &&
    world.all(Math.max(...others.map((one) => world.generation(one))))
  await story.claim("healed, it has the newest token and is ready", {
    expected: "every member ready at one generation, and no request of its own",
    holds: () => together() && world.refresher(world.generation(lonely)) !== lonely.name,
    seen: () =>
      `${typeof served === "string" ? served : served.source} after ${ms} ms; ` +
      world.members.map((one) => stageOf(one)).join("; "),
    withinMs: SOON_MS,
  })
}

/** All is well again: each member's token is the same, and works. */
export async function allWell(stage: Stage): Promise<void> {
  stage.story.scene("6. The reckoning")
  await accepted(stage, "every member ends with a token that works")
}

/** What was counted over the whole story, also over one that was broken off. */
export function reckoning({ world, story }: Stage): void {
  const own = world.account.server !== null
  story.tell(own ? "By the server's own counters:" : "By what the members recorded:")
  const counts = world.counts()
  const { server } = world.account
  story.check("no refresh token was spent twice", {
    expected: "0",
    holds: () => counts.tokensSpentTwice === 0,
    seen: () => `${counts.tokensSpentTwice} of ${counts.refreshes + 1}`,
  })
  story.check("no login was revoked, nobody had to log in again", {
    expected: "0 families revoked, 0 logins again, no member asking for one",
    holds: () =>
      counts.familiesRevoked === 0 && counts.relogins === 0 && world.askedForLogin.length === 0,
    seen: () =>
      `${counts.familiesRevoked} families revoked, ${counts.relogins} logins again, ` +
      `asked for one: ${world.askedForLogin.join(", ") || "nobody"}`,
  })
  story.check("every request brought the next generation", {
    expected: `${counts.posts} refreshes of ${counts.posts} POSTs`,
    holds: () => counts.refreshes === counts.posts,
    seen: () => `${posts(counts.posts)}, ${counts.refreshes} refreshes`,
  })
  if (server === null) return
  const sent = world.sent()
  story.check("the members' journals agree with the server", {
    expected: `${posts(counts.posts)}, each of another token`,
    holds: () => sent.posts === counts.posts && sent.twice === 0,
    seen: () => `${posts(sent.posts)} recorded, ${sent.twice} of a token sent before`,
  })
}
