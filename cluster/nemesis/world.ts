/**
 * Three members and their guests as processes, the server in its own, and everything between them through proxies. Decides what
 * there is, how it starts and ends, and what is noted of it; what befalls it is `faults.ts`, in which order `round.ts`.
 */

import { readFileSync } from "node:fs"

import { processesWith } from "../../src/machine/lock-holder.ts"
import type { ProfileDirectory } from "../../src/machine/profile.ts"
import { Member, RefusalError } from "../demo/child.ts"
import { found, type Founded } from "../demo/founding.ts"
import { attempts, isAnswered } from "../demo/journals.ts"
import { type Links, startLinks } from "../demo/links.ts"
import { type Event, machineMs, type Seen } from "../demo/protocol.ts"
import { servantsOf } from "../processes.ts"
import { type Proxy, startProxy } from "../proxy.ts"
import { Account } from "./account.ts"
import { type Disk, mountDisk } from "./disk.ts"
import { History } from "./history.ts"

const WATCH_MS = 50

export interface WorldOptions {
  readonly profiles: readonly string[]
  /** How many processes each of them has beside the first. */
  readonly guests: readonly number[]
  /** The last profile lies on a small disk of its own, where the system allows it. */
  readonly disk: boolean
}

/** A process of a profile, and whoever takes its place when it is killed. */
export interface Seat {
  readonly name: string
  readonly profile: string
  readonly member: Member
  run: number
  stopped: boolean
}

export interface Shown {
  readonly seat: string
  readonly at: number
  readonly seen: Seen
}

export class World {
  readonly account: Account
  readonly history: History
  readonly profiles: readonly string[]
  readonly seats: readonly Seat[]
  readonly links: Links
  readonly serverProxy: Proxy
  readonly disk: Disk
  /** What the seats showed of themselves, in order, since the round began. */
  readonly shown: Shown[] = []
  /** Called whenever anything was noted. */
  noted: () => void = () => undefined
  readonly #founded: Founded
  readonly #said: string[] = []
  #isClosing = false

  static async make(options: WorldOptions): Promise<World> {
    const account = await Account.start()
    try {
      return await World.#around(account, options)
    } catch (error) {
      await account.close()
      throw error
    }
  }

  static async #around(account: Account, options: WorldOptions): Promise<World> {
    const { profiles } = options
    const serverProxy = await startProxy({
      target: { host: "127.0.0.1", port: Number(new URL(account.issuer).port) },
    })
    const links = await startLinks(profiles)
    const provider = {
      tokenEndpoint: `http://127.0.0.1:${serverProxy.port}/token`,
      clientId: account.clientId,
    }
    const founded = await found(profiles, provider, (from, to) => links.address(from, to))
    const last = founded.directories.get(profiles.at(-1) ?? "")
    const disk = mountDisk(options.disk && last !== undefined ? last.path : null)
    return new World({ ...options, account, serverProxy, links, founded, mounted: disk, provider })
  }

  private constructor(
    parts: WorldOptions & {
      readonly account: Account
      readonly serverProxy: Proxy
      readonly links: Links
      readonly founded: Founded
      readonly mounted: Disk
      readonly provider: { readonly tokenEndpoint: string; readonly clientId: string }
    },
  ) {
    this.account = parts.account
    this.serverProxy = parts.serverProxy
    this.links = parts.links
    this.disk = parts.mounted
    this.#founded = parts.founded
    this.history = new History(parts.account)
    this.account.happened = () => this.noted()
    this.profiles = parts.profiles
    this.seats = parts.profiles.flatMap((profile, at) =>
      Array.from({ length: 1 + (parts.guests[at] ?? 0) }, (_, number) => {
        const name = number === 0 ? profile : `${profile}'s guest ${number}`
        const member = new Member({
          name,
          open: {
            type: "open",
            profile: this.directory(profile).path,
            provider: parts.provider,
            watchMs: WATCH_MS,
          },
          changed: () => undefined,
          died: (_member, how) => this.#died(seat, how),
          heard: (_member, event) => this.#hear(seat, event),
          said: (text) => void this.#said.push(text),
          ownGroup: true,
        })
        const seat: Seat = { name, profile, member, run: 0, stopped: false }
        return seat
      }),
    )
  }

  /** All is being ended: whoever still waits for something waits in vain. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  directory(profile: string): ProfileDirectory {
    const directory = this.#founded.directories.get(profile)
    if (directory === undefined) throw new Error(`there is no profile ${profile}`)
    return directory
  }

  /** A process that cannot open its profile is ended; whoever waits for all to agree starts another. */
  async start(seat: Seat): Promise<void> {
    if (this.#isClosing) return
    seat.run += 1
    seat.stopped = false
    try {
      await seat.member.start()
    } catch (error) {
      if (this.#isClosing) return
      this.history.violated(`${seat.name} could not open its profile: ${String(error)}`)
      await seat.member.kill()
    }
  }

  /** The seats of a profile whose process runs, or of all. */
  running(profile?: string): readonly Seat[] {
    return this.seats.filter(
      (seat) => seat.member.pid !== null && (profile === undefined || seat.profile === profile),
    )
  }

  /** Who holds the profile's lock, as far as the system tells. */
  host(profile: string): Seat | null {
    const pids = new Set(processesWith(this.directory(profile).hostLock))
    return this.running(profile).find(({ member }) => pids.has(member.pid ?? 0)) ?? null
  }

  /** The profile that holds the open turn; null: none is known to. */
  holder(): string | null {
    const all = this.running().flatMap(({ member }) => (member.seen === null ? [] : [member.seen]))
    const newest = all.toSorted((a, b) => b.epoch - a.epoch || b.generation - a.generation)
    return newest.find(({ holder }) => holder !== null)?.holder ?? null
  }

  /** Courier processes, and hosts that commit what one recorded, of one profile. */
  servants(profile: string): readonly { readonly pid: number; readonly shown: string }[] {
    return servantsOf(this.directory(profile).courierDb)
  }

  /**
   * What the couriers wrote down about the token of this generation: the phases of its rows, and `failed` for the record of a
   * request that was not answered.
   */
  recorded(epoch: number, generation: number): readonly string[] {
    return this.profiles.flatMap((profile) => {
      const identity = this.#founded.identities.get(profile)
      return attempts(this.directory(profile).courierDb)
        .filter((row) => row.epoch === epoch && row.generation === generation)
        .map((row) =>
          row.phase === "answered" && identity !== undefined && !isAnswered(row, identity)
            ? "failed"
            : row.phase,
        )
    })
  }

  /** A login made elsewhere is given to one member after the other until one takes it. */
  async login(): Promise<void> {
    const minted = await this.account.mint()
    const tokens = {
      accessToken: minted.access_token,
      refreshToken: minted.refresh_token,
      tokenType: "bearer",
      expiresInSeconds: minted.expires_in,
      scope: null,
      refreshExpiresInSeconds: null,
      subject: null,
    }
    for (let tries = 0; !this.#isClosing; tries += 1) {
      const seat = this.running()[tries % this.running().length]
      try {
        await seat?.member.ask({ type: "login", tokens, issuedAtMs: Date.now() })
        return
      } catch (error) {
        if (tries >= 20 || !(error instanceof RefusalError)) throw error
        await new Promise((resolve) => void setTimeout(resolve, 500))
      }
    }
  }

  /** Everything in which a token could show: what was written to stderr, and what the system shows of our processes. */
  exposed(): readonly string[] {
    const own = [this.account.pid, ...this.seats.map(({ member }) => member.pid)]
    const shown = own.flatMap((pid) => (pid == null ? [] : [shownBy(pid)]))
    const servants = this.profiles.flatMap((profile) => this.servants(profile))
    const { stderr } = this.account
    this.account.stderr = ""
    return [stderr, ...this.#said.splice(0), ...shown, ...servants.map((one) => one.shown)]
  }

  /** Ends every process by its pid and removes what lies on the disk. Never throws. */
  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.allSettled(this.seats.map(({ member }) => member.kill()))
    await this.#endServants()
    await Promise.allSettled([this.links.close(), this.serverProxy.close(), this.account.close()])
    this.disk.unmount()
    this.#founded.remove()
  }

  /** Couriers that nobody is there for any more, and whoever they start meanwhile. */
  async #endServants(): Promise<void> {
    for (let tries = 0; tries < 40; tries += 1) {
      const left = this.profiles.flatMap((profile) => this.servants(profile))
      if (left.length === 0) return
      for (const { pid } of left) endProcess(pid)
      await pause(25)
    }
  }

  #died(seat: Seat, how: string): void {
    if (!this.#isClosing) this.history.violated(`${seat.name} ended by itself (${how})`)
  }

  #hear(seat: Seat, event: Event): void {
    const { name, profile, run } = seat
    const saw = (
      { epoch, generation }: { readonly epoch: number; readonly generation: number },
      at: number,
      hash: string | null,
    ): void => this.history.saw({ seat: name, profile, run, at, epoch, generation, hash })
    switch (event.type) {
      case "seen":
        this.shown.push({ seat: name, at: event.at, seen: event.seen })
        this.history.shown(name, event.seen)
        if (event.seen.generation > 0) saw(event.seen, event.at, null)
        break
      case "token":
        saw(event, event.at, event.hash)
        break
      case "answer":
        if (event.value !== null && "hash" in event.value) {
          saw(event.value, event.value.doneAt, event.value.hash)
        }
        break
      case "refusal":
        this.#said.push(event.message)
        break
      default:
        event satisfies never
    }
    this.noted()
  }
}

function shownBy(pid: number): string {
  try {
    const of = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8")
    return [of("cmdline"), of("environ")].join("\0")
  } catch {
    return ""
  }
}

export function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended meanwhile.
  }
}

/** Resolves after so many ms. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

/** Now, on the clock that all processes share. */
export const now: () => number = machineMs
