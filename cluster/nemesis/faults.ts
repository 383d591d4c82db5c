/**
 * How each fault is made, and undone. Decides whom it hits; when is the round's business. A fault that finds nobody to hit (no
 * courier at work, no guest) says so and does not count.
 */

import { type Fault, type Strike } from "./plan.ts"
import { endProcess, now, pause, type Seat, type World } from "./world.ts"

/** A fault that was made. */
export interface Made {
  readonly at: number
  readonly profile: string
  /** The seats whose process ran, and was not stopped, at that moment. */
  readonly running: ReadonlySet<string>
  /** Ends it: after its time, or when the round is over. */
  readonly undo: () => void
}

/** Found before anything happens: looking takes longer than some steps. */
export interface Targets {
  readonly hosts: ReadonlyMap<string, Seat>
}

export function targetsOf(world: World): Targets {
  const hosts = new Map<string, Seat>()
  for (const profile of world.profiles) {
    const host = world.host(profile)
    if (host !== null) hosts.set(profile, host)
  }
  return { hosts }
}

const nothing = (): void => undefined

/** @returns null when there was nobody to hit. */
export async function make(
  world: World,
  { fault, whom }: Strike,
  targets: Targets,
): Promise<Made | null> {
  const profile =
    whom === "holder"
      ? (world.holder() ?? world.profiles[0])
      : world.profiles[whom % world.profiles.length]
  if (profile === undefined) return null
  const host = targets.hosts.get(profile) ?? null
  const seats = world.running().filter(({ stopped }) => !stopped)
  const running = new Set(seats.map(({ name }) => name))
  const made = (undo: () => void = nothing): Made => ({ at: now(), profile, running, undo })
  switch (fault.type) {
    case "kill": {
      const at = now()
      return (await kill(world, fault.what, profile, host)) ? { ...made(), at } : null
    }
    case "stop":
      return stop(world, fault, profile, host, made)
    case "clock":
      for (const { member } of world.running(profile)) setClock(member, fault.offMs)
      return made(() => {
        for (const { member } of world.running(profile)) setClock(member, 0)
      })
    case "members":
      return members(world, fault.how, profile, made)
    case "server":
      return server(world, fault.how, made)
    case "disk": {
      if (world.disk.missing !== null) return null
      world.disk.fill()
      return made(() => world.disk.empty())
    }
    default:
      return fault satisfies never
  }
}

function setClock(member: Seat["member"], offMs: number): void {
  member.ask({ type: "clock", offMs }).catch(nothing)
}

async function kill(
  world: World,
  what: Extract<Fault, { type: "kill" }>["what"],
  profile: string,
  host: Seat | null,
): Promise<boolean> {
  switch (what) {
    case "host":
    case "group": {
      if (host?.member.pid == null) return false
      await host.member.kill(what === "group" ? "group" : "process")
      return true
    }
    case "guest": {
      const guest = world.running(profile).find((seat) => seat !== host)
      await guest?.member.kill()
      return guest !== undefined
    }
    case "courier":
      return killServants(world, profile)
    case "profile": {
      await Promise.all(world.running(profile).map(({ member }) => member.kill()))
      return true
    }
    case "machine": {
      const all = world.running(profile).map(({ member }) => member.kill())
      killServants(world, profile)
      await Promise.all(all)
      // One that was just starting had nothing open yet.
      killServants(world, profile)
      return true
    }
    default:
      return what satisfies never
  }
}

function killServants(world: World, profile: string): boolean {
  const servants = world.servants(profile)
  for (const { pid } of servants) endProcess(pid)
  return servants.length > 0
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}

function stop(
  world: World,
  { what }: Extract<Fault, { type: "stop" }>,
  profile: string,
  host: Seat | null,
  made: (undo: () => void) => Made,
): Made | null {
  if (what === "courier") {
    const servants = world.servants(profile)
    const stopped = made(() => {
      for (const { pid } of servants) signal(pid, "SIGCONT")
    })
    for (const { pid } of servants) signal(pid, "SIGSTOP")
    return servants.length > 0 ? stopped : null
  }
  if (host?.member.pid == null) return null
  const { run } = host
  host.member.signal("SIGSTOP")
  host.stopped = true
  return made(() => {
    // Another may sit there by now.
    if (host.run !== run) return
    host.member.signal("SIGCONT")
    host.stopped = false
  })
}

function members(
  world: World,
  how: Extract<Fault, { type: "members" }>["how"],
  profile: string,
  made: (undo: () => void) => Made,
): Made {
  for (const { from, proxy } of world.links.of(profile)) {
    const isOut = from === profile
    if (how === "cut") proxy.cut()
    else if (how === "hole") proxy.blackhole()
    else if (how === "slow") proxy.delay(400)
    // What it sends leaves by its own connections' way out, and by others' way back.
    else proxy.blackhole((how === "out") === isOut ? "out" : "back")
  }
  return made(() => {
    for (const { proxy } of world.links.of(profile)) {
      proxy.delay(0)
      proxy.heal()
    }
  })
}

/** Longer than the server takes, delays included. */
const ANSWERED_MS = 1_500

function server(
  world: World,
  how: Extract<Fault, { type: "server" }>["how"],
  made: (undo: () => void) => Made,
): Made {
  const proxy = world.serverProxy
  if (how === "cut" || how === "reset") proxy.cut()
  else proxy.blackhole(how === "drop" ? "back" : undefined)
  if (how === "reset") proxy.heal()
  let over = false
  const one = made(() => {
    over = true
    if (how === "drop") proxy.cut()
    proxy.heal()
  })
  if (how === "drop") void dropAnswer(world, () => over)
  return one
}

/** What is under way is answered into the hole, and then the connection breaks. */
async function dropAnswer(world: World, isOver: () => boolean): Promise<void> {
  const until = now() + ANSWERED_MS
  while (world.account.inFlight > 0 && now() < until) await pause(5)
  await pause(100)
  if (isOver()) return
  world.serverProxy.cut()
  world.serverProxy.heal()
}
