/**
 * What every process was seen to hold, held against the server's own account: the invariants of the design as far as they show
 * from outside. Decides what is a violation; where the sightings come from is the world's business.
 */

import { createHash } from "node:crypto"

import type { Seen } from "../demo/protocol.ts"
import type { Account, Family } from "./account.ts"

/** A process had this token, at a time of `machineMs`. `run` counts the processes that sat in the same seat. */
export interface Sighting {
  readonly seat: string
  readonly profile: string
  readonly run: number
  readonly at: number
  readonly epoch: number
  readonly generation: number
  /** SHA-256 of the access token; null: it told its place only. */
  readonly hash: string | null
}

/** An opaque token of the server: so many characters of base64url, perhaps amid others. */
const TOKEN = /[\w-]{43,}/g
const TOKEN_LENGTH = 43

interface Place {
  readonly epoch: number
  readonly generation: number
}

export class History {
  readonly violations: string[] = []
  /** Of the present round. */
  readonly sightings: Sighting[] = []
  readonly #account: Pick<Account, "events" | "families" | "family">
  /** An older pair than another process of the profile had before. */
  readonly behind: Sighting[] = []
  readonly #newest = new Map<string, Place>()
  readonly #newestOf = new Map<string, Place>()
  /** The login of each epoch, as the tokens showed it. */
  readonly #familyOf = new Map<number, Family>()
  #judgedEvents = 0
  #round = 0
  /** From the login anew until all have it, the old one may still be shown. */
  #settledFamily: Family | null = null

  constructor(account: Pick<Account, "events" | "families" | "family">) {
    this.#account = account
  }

  begin(round: number): void {
    this.#round = round
    this.sightings.length = 0
  }

  /** Told once a round, however often it is seen. */
  violated(what: string): void {
    const violation = `round ${this.#round}: ${what}`
    if (!this.violations.includes(violation)) this.violations.push(violation)
  }

  saw(sighting: Sighting): void {
    this.sightings.push(sighting)
    const { epoch, generation, profile, run, seat } = sighting
    // A process that has just started need not know at once what an earlier one of its profile had.
    const observer = `${seat}, process ${run}`
    const newest = this.#newest.get(observer)
    if (newest !== undefined && isOlder(sighting, newest)) {
      const [from, to] = [newest, sighting].map((one) => `${one.epoch}.${one.generation}`)
      this.violated(`${observer}, went back from ${from} to ${to}`)
    } else this.#newest.set(observer, { epoch, generation })
    const known = this.#newestOf.get(profile)
    if (known !== undefined && isOlder(sighting, known)) this.behind.push(sighting)
    else this.#newestOf.set(profile, { epoch, generation })
  }

  /** A stage is shown. `epoch` 0: the process has not heard of any login yet. */
  shown(seat: string, { cause, epoch, stage }: Seen): void {
    if (stage === "relogin" && epoch > 0) {
      this.violated(`${seat} asks for a login (${cause}), and nothing has ended this one`)
    }
  }

  /** Everybody has the present login: from now on nobody may use an older one. */
  everybodyHas(family: Family): void {
    this.#settledFamily = family
  }

  /** Called when the round is over and the account complete. */
  judge(): void {
    for (const sighting of this.sightings) this.#judgeToken(sighting)
    const { events } = this.#account
    for (const event of events.slice(this.#judgedEvents)) {
      if (event.type === "arrived" && event.posts > 1) {
        this.violated(`token ${event.token} was sent ${event.posts} times`)
      }
      if (event.type === "rejected") {
        this.violated(`the server refused token ${event.token}: ${event.error}`)
      }
      if (event.type === "arrived" && this.#isOld(event.token)) {
        this.violated(`token ${event.token} of an older login was sent`)
      }
    }
    this.#judgedEvents = events.length
  }

  /** At the end: the server's own counters must say the same. */
  reckon(spentTwice: number, revoked: number): void {
    if (spentTwice > 0) this.violated(`${spentTwice} tokens were spent twice`)
    if (revoked > 0) this.violated(`${revoked} logins were revoked by reuse`)
  }

  #judgeToken({ epoch, generation, hash, seat }: Sighting): void {
    if (hash === null) return
    const family = this.#account.families.find(({ pairs }) =>
      pairs.some(({ hashes }) => hashes.access === hash),
    )
    const place = `${seat} has a token as ${epoch}.${generation}`
    if (family === undefined) return this.violated(`${place} that the server never issued`)
    const issued = family.pairs.findIndex(({ hashes }) => hashes.access === hash) + 1
    if (issued !== generation) this.violated(`${place} that was issued as generation ${issued}`)
    const known = this.#familyOf.get(epoch) ?? family
    if (known !== family) this.violated(`${place} of another login than others have in that epoch`)
    this.#familyOf.set(epoch, known)
  }

  #isOld(token: number): boolean {
    const settled = this.#settledFamily
    if (settled === null || settled !== this.#account.family) return false
    return !settled.pairs.some((pair) => pair.token === token)
  }
}

function isOlder(a: Place, b: Place): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.generation < b.generation)
}

/** Whether a token shows in a text, by the hashes of all that were issued. */
export function tokensIn(text: string, hashes: ReadonlySet<string>): boolean {
  return [...text.matchAll(TOKEN)].some(([run]) =>
    Array.from({ length: run.length - TOKEN_LENGTH + 1 }, (_, at) =>
      createHash("sha256")
        .update(run.slice(at, at + TOKEN_LENGTH))
        .digest("hex"),
    ).some((hash) => hashes.has(hash)),
  )
}
