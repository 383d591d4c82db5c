/**
 * One round: some processes want a newer token, faults strike as planned, everything is healed, and all must come to the same
 * newest token again. Decides the order, how long is waited for what, and when a login was lost by a fault that nobody can help.
 */

import { RefusalError } from "../demo/child.ts"
import type { Link } from "../demo/links.ts"
import { Aim } from "./aim.ts"
import { type Made, make, targetsOf } from "./faults.ts"
import { type Facts, type Hit, stepAt } from "./moments.ts"
import { mayLeaveDoubt, nameOf, type Round, type Strike } from "./plan.ts"
import { traceOf } from "./trace.ts"
import { now, pause, type Seat, type World } from "./world.ts"

/** After the faults all must agree within this. Unsent attempts wait up to 60 s, but not after so few. */
const CONVERGED_MS = 45_000
/** Answers to demands are waited for so long; who asks later is told sooner. */
const DEMAND_MS = 20_000
/** A read of a valid token must not take longer, whatever happens. */
const READ_MS = 5_000
const LOOK_MS = 25
/** Between the last fault that is aimed at an idle cluster and the first demand. */
const IDLE_MS = 40
/** Nothing more may come of a doubt that lasted so long. */
const DOUBT_MS = 1_000

export interface Struck {
  readonly fault: string
  readonly hit: Hit
}

export interface Outcome {
  readonly struck: readonly Struck[]
  /** A fault cost the answer, which nobody can help, and with it the login: another one was made. */
  readonly doubt: boolean
  /** From the end of the last fault until all had the newest token, in ms. */
  readonly convergedMs: number
  /** What happened, if a rule was broken. */
  readonly trace: readonly string[]
}

interface Demand {
  readonly at: number
  endAt: number | null
}

export async function play(world: World, round: Round): Promise<Outcome> {
  const { history, account } = world
  history.begin(round.number)
  keepLast(world)
  const { delayAfterCommitMs, delayBeforeCommitMs } = round
  await account.turn({ delayAfterCommitMs, delayBeforeCommitMs })
  for (const { proxy } of allLinks(world)) proxy.delay(round.linkMs)
  const startedAt = now()
  const violationsBefore = history.violations.length
  const startedEvents = account.events.length
  const { family } = account
  const targets = targetsOf(world)
  const demands: Demand[] = []
  const aim = new Aim(world, demands)
  const landing = round.strikes.map((strike) => land(world, strike, aim, targets))
  // What is aimed at an idle cluster strikes before anybody wants anything.
  const idle = round.strikes.filter(({ aim: at }) => at === "idle")
  if (idle.length > 0) await pause(Math.max(...idle.map(({ afterMs }) => afterMs)) + IDLE_MS)
  for (const asker of round.askers) demand(world, asker, demands)
  const reads = setInterval(() => read(world), 400)
  const landed = await Promise.all(landing)
  clearInterval(reads)
  heal(world)
  for (const { made } of landed) made?.undo()
  const healedAt = now()
  await restart(world)
  const doubt = await settle(world, round, healedAt)
  const convergedMs = now() - healedAt
  const served = account.events.slice(startedEvents)
  const { sightings } = history
  const facts: Facts = { demands, shown: world.shown, served, sightings, family }
  const hits = landed.map(({ made, strike }) => ({
    strike,
    made,
    hit: made === null ? null : stepAt(made.at, made.running, facts),
  }))
  history.judge()
  const isBroken = history.violations.length > violationsBefore
  const trace = isBroken ? traceOf(world, hits, facts, startedAt) : []
  if (doubt) await loginAnew(world)
  const struck = hits.flatMap(({ hit, strike }) =>
    hit === null ? [] : [{ fault: nameOf(strike.fault), hit }],
  )
  return { struck, doubt, convergedMs, trace }
}

function allLinks(world: World): readonly Link[] {
  return world.profiles.flatMap((profile) => world.links.of(profile))
}

/** Of what was shown before this round only the last word of each seat matters. */
function keepLast(world: World): void {
  const last = new Map(world.shown.map((one) => [one.seat, one]))
  world.shown.splice(0, world.shown.length, ...last.values())
}

interface Landing {
  readonly strike: Strike
  readonly made: Made | null
}

async function land(
  world: World,
  strike: Strike,
  aim: Aim,
  targets: ReturnType<typeof targetsOf>,
): Promise<Landing> {
  await aim.begun(strike.aim)
  await pause(strike.afterMs)
  const made = await make(world, strike, targets)
  if (made !== null && "forMs" in strike.fault) await pause(strike.fault.forMs)
  made?.undo()
  return { strike, made }
}

/** A process insists on a newer token. What comes of it is seen in its tokens. */
function demand(world: World, asker: number, demands: Demand[]): void {
  const seat = world.seats[asker % world.seats.length]
  if (seat === undefined) return
  const one: Demand = { at: now(), endAt: null }
  demands.push(one)
  world.noted()
  seat.member
    .ask({ type: "get", mode: "force", timeoutMs: DEMAND_MS })
    .catch(() => undefined)
    .finally(() => (one.endAt = now()))
}

/** Whoever runs is served the token that is still valid. */
function read(world: World): void {
  for (const seat of world.running()) {
    if (seat.stopped || seat.member.seen === null) continue
    const { run } = seat
    const askedAt = now()
    seat.member.ask({ type: "get", mode: "need", timeoutMs: READ_MS }).catch((error: unknown) => {
      // Killed, or not open yet: nobody was refused anything.
      if (seat.run !== run || !(error instanceof RefusalError)) return
      const ms = Math.round(now() - askedAt)
      world.history.violated(
        `${seat.name} was refused a valid token after ${ms} ms: ${error.message}`,
      )
    })
  }
}

function heal(world: World): void {
  for (const { proxy } of allLinks(world)) {
    proxy.delay(0)
    proxy.heal()
  }
  world.serverProxy.heal()
  world.disk.empty()
}

/** Who was killed is started again, and who stopped acting after its disk failed. */
async function restart(world: World): Promise<void> {
  const failed = world.seats.filter(({ member }) => member.seen?.cause === "store_failed")
  await Promise.all(failed.map(({ member }) => member.kill()))
  const dead = world.seats.filter(({ member }) => member.pid === null)
  await Promise.all(dead.map((seat) => world.start(seat)))
}

/** Waits until all agree. @returns true: the token was spent, or may have been, and nobody can have the answer. */
async function settle(world: World, round: Round, healedAt: number): Promise<boolean> {
  let doubtSince: number | null = null
  while (!world.isClosing) {
    if (isSettled(world)) return false
    const isLost = isDoubt(world)
    doubtSince = isLost ? (doubtSince ?? now()) : null
    if (doubtSince !== null && now() - doubtSince > DOUBT_MS) {
      const isExplained =
        round.strikes.some(({ fault }) => mayLeaveDoubt(fault)) ||
        // No courier could be started: the host sent by itself.
        world.shown.some(({ seen }) => seen.courier === "inline")
      if (!isExplained) world.history.violated(`a doubt that no fault explains: ${states(world)}`)
      return true
    }
    if (now() - healedAt > CONVERGED_MS) {
      world.history.violated(
        `no agreement ${CONVERGED_MS / 1_000} s after the last fault: ${states(world)}`,
      )
      return true
    }
    // A disk that was full may show late that it was.
    await restart(world)
    await pause(LOOK_MS)
  }
  return false
}

/** All show the newest token that the server issued, and nothing is under way. */
export function isSettled({ account, seats }: World): boolean {
  if (account.inFlight > 0) return false
  return seats.every(({ member: { seen } }) => {
    if (seen === null || seen.holder !== null) return false
    return seen.generation === account.generation && seen.epoch === epochOf(seats)
  })
}

function epochOf(seats: readonly Seat[]): number {
  return Math.max(...seats.map(({ member }) => member.seen?.epoch ?? 0))
}

/** All have the same token, its successor may exist, and no record of an answer does. */
function isDoubt(world: World): boolean {
  const { account, seats } = world
  if (account.inFlight > 0) return false
  const seen = seats.map(({ member }) => member.seen)
  const [first] = seen
  if (first == null) return false
  const { epoch, generation } = first
  if (!seen.every((one) => one?.generation === generation && one.epoch === epoch)) return false
  if (!seen.some((one) => one?.cause === "in_doubt")) return false
  const phases = world.recorded(epoch, generation)
  const wasSent = phases.includes("sending") || phases.includes("failed")
  return wasSent && !phases.includes("answered") && !phases.includes("settled")
}

/** Everybody's view, for whoever has to find out. */
export function states(world: World): string {
  const { account, seats } = world
  const epoch = epochOf(seats)
  const views = seats.map(({ member: { name, seen } }) =>
    seen === null
      ? `${name} does not run`
      : `${name} ${seen.epoch}.${seen.generation} ${seen.stage}/${seen.cause} ${seen.role} holder=${seen.holder} leader=${seen.leader} peers=${seen.peers.length}`,
  )
  return [
    ...views,
    `the server is at generation ${account.generation}, ${account.inFlight} in flight`,
    `records of that token: ${world.recorded(epoch, account.generation).join() || "none"}; of the one before: ${world.recorded(epoch, account.generation - 1).join() || "none"}`,
  ].join("; ")
}

/** As a person would: the only cure for an answer that nobody has. */
export async function loginAnew(world: World): Promise<void> {
  await world.login()
  const from = now()
  while (!isSettled(world) && !world.isClosing) {
    if (now() - from > CONVERGED_MS) {
      return world.history.violated(`a new login did not reach everybody: ${states(world)}`)
    }
    await pause(LOOK_MS)
  }
  world.history.everybodyHas(world.account.family)
}
