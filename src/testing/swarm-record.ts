/**
 * What happened in one story so far: listens to its world, keeps what the invariants need, and asks each of them when
 * something happens that it speaks of. The rules themselves are `swarm-invariants.ts` and `raft-witness.ts`.
 */

import type { Write } from "../core/raft/types.ts"
import type { ClusterStatus, Coordinator, CoordinatorEvent } from "../ports/coordinator.ts"
import type { WireMessage } from "../ports/transport.ts"
import { type Head, isOlder } from "../core/refresh/head.ts"
import { LogReader, quorumPasses } from "./log-reader.ts"
import { RaftWitness } from "./raft-witness.ts"
import { CANARY, refreshTokenOf } from "./simulated-server.ts"
import {
  claimedFirst,
  committedFirst,
  currentEpoch,
  endedByName,
  isAlone,
  mayBeAlone,
  nameOf,
  neverBack,
  noCanary,
  noFalseRelogin,
  oneCourier,
  ownCommittedTurn,
  printHead,
  reasonOf,
  recordedIsKept,
  refusedOnce,
  type Rules,
  sentByItsRow,
  type Sent,
} from "./swarm-invariants.ts"
import { Pace } from "./swarm-pace.ts"
import { Tally } from "./swarm-tally.ts"
import type { Sending, SendingEnd, WorldWatch } from "./watch.ts"
import type { SimulatedMember, World } from "./world.ts"

interface Recorded extends Head {
  readonly by: SimulatedMember
  readonly refreshToken: string
}

/** A head is on the disk so that a restart knows it after this: it is tidied away within a moment. */
const KEPT_AFTER_MS = 1_000

export class StoryRecord implements WorldWatch {
  readonly violations: string[] = []
  readonly tally: Tally = new Tally()
  readonly #pace: Pace
  /** Null until the world exists: it tells of itself while it is made. */
  world: World | null = null
  /** The newest that any member was seen to use. */
  newest: Head = { epoch: 0, generation: 0 }
  readonly #rules: Rules
  readonly #note: (line: string) => void
  readonly #log = new LogReader()
  #raft: RaftWitness | null = null
  readonly #sent = new Map<string, Sent[]>()
  /** Who recorded a refusal of each, as often as that happened. */
  readonly #refusals = new Map<string, readonly SimulatedMember[]>()
  #recorded: Recorded[] = []
  readonly #committed = new Map<string, Head>()
  readonly #consents = new Set<number>()
  /** Logins that an entry ends by name, committed or not. */
  readonly #ended = new Set<number>()
  readonly #living = new Map<SimulatedMember, Coordinator>()
  readonly #heads = new Map<SimulatedMember, Head>()
  /** Heads that a restart must know. */
  readonly #kept = new Map<SimulatedMember, Head>()

  constructor(rules: Rules, note: (line: string) => void) {
    this.#rules = rules
    this.#pace = new Pace(rules.policy)
    this.#note = note
  }

  /** The token of a login that would still be granted to somebody who has it. */
  living(epoch: number = this.newest.epoch): string | undefined {
    const { server } = this.#world
    const had: readonly [string, Head][] = [
      ...this.#committed,
      ...this.#recorded.map((one): [string, Head] => [one.refreshToken, one]),
    ]
    return had.findLast(([token, head]) => head.epoch === epoch && server.isCurrent(token))?.[0]
  }

  /** What everybody must have in the end; with consent a pair may have lost against a sibling. */
  livingHead(): string | undefined {
    return this.#consented(this.newest.epoch) ? undefined : this.living()
  }

  /** At the end of a story. */
  recordedIsKept(): void {
    this.#complain(recordedIsKept(this.#recorded, this.newest))
  }

  /** Somebody accepted what a second use may cost, for this login. */
  consent(epoch: number): void {
    this.#consents.add(epoch)
  }

  #consented(epoch: number): boolean {
    return this.#rules.fallback === "eager" || this.#consents.has(epoch)
  }

  /** 9: a member ends what is over, and never the login in use. */
  revokes(member: SimulatedMember, refreshToken: string): void {
    this.#note(`${nameOf(member)} revokes the family of ${refreshToken}`)
    const { server } = this.#world
    const living = this.living()
    if (living !== undefined && server.familyOf(living) === server.familyOf(refreshToken))
      this.complain(`${nameOf(member)} revokes the family of ${living}, which is in use`)
  }

  /** A disk was put back: what it held since then is no promise any more. */
  forget(member: SimulatedMember): void {
    const rows = [...member.disk.durable().attempts.values()]
    this.#recorded = this.#recorded.filter(
      ({ by, epoch, generation }) =>
        by !== member ||
        rows.some(({ key }) => key.epoch === epoch && key.generation === generation - 1),
    )
    for (const [head, by] of this.#refusals) {
      if (rows.some(({ key }) => printHead(key) === head)) continue
      this.#refusals.set(
        head,
        by.filter((one) => one !== member),
      )
    }
    this.#kept.delete(member)
    this.#heads.delete(member)
    this.#witness.forget(member)
  }

  complain(what: string): void {
    this.violations.push(what)
  }

  // -- requests --------------------------------------------------------------------------------------------------------

  carries(sending: Sending): void {
    const { member } = sending
    const known = member.coordinator?.status().epoch ?? 0
    this.#complain(currentEpoch(sending, known))
    const { members, scheduler } = this.#world
    this.#complain(this.#pace.carries(scheduler.nowMs))
    this.#complain(
      isAlone(sending)
        ? mayBeAlone(sending, this.#rules, this.#consented(sending.key.epoch))
        : ownCommittedTurn(sending, members, this.#log),
    )
  }

  leaves(sending: Sending): void {
    const name = printHead(sending.key)
    const before = this.#sent.get(name) ?? []
    const atMs = this.#world.scheduler.nowMs
    const now: Sent = { ...sending, atMs, fate: "unknown", over: false }
    const consented = this.#consented(sending.key.epoch)
    const reason = reasonOf(now, before, this.#rules, consented)
    this.#sent.set(name, [...before, now])
    this.tally.sent(reason)
    this.#note(`${nameOf(sending.member)} sends ${name}, ${sending.refreshToken} (${reason})`)
    this.#complain(sentByItsRow(now, before, reason))
    this.#complain(oneCourier(now, before))
    this.#complain(claimedFirst(sending))
    this.#complain(this.#pace.leaves(sending, atMs, consented))
  }

  judged({ refreshToken }: Sending, status: number): void {
    this.#note(`the server answers ${refreshToken} with ${status}`)
  }

  ends(sending: Sending, end: SendingEnd): void {
    this.#pace.ends(sending, end, this.#world.scheduler.nowMs)
    const sent = this.#sent.get(printHead(sending.key))?.findLast(({ key }) => key === sending.key)
    if (sent !== undefined) sent.over = true
    if (end.type !== "answered") {
      this.#note(`${nameOf(sending.member)} has ${end.type} for ${printHead(sending.key)}`)
      return
    }
    if (sent === undefined) return
    const { status } = end
    if (status === 429 || status === 503) sent.fate = "unspent"
    else if (status === 400) sent.fate = "refused"
    else if (status === 200) sent.fate = "granted"
  }

  recorded({ member, key }: Sending, end: SendingEnd): void {
    if (end.type !== "answered") return
    const { epoch } = key
    if (end.status === 400) {
      const by = [...(this.#refusals.get(printHead(key)) ?? []), member]
      this.#refusals.set(printHead(key), by)
      const { policy } = this.#rules
      const rule = { policy, consented: this.#consented(epoch) }
      this.#complain(refusedOnce(key, by.length, this.#world.members.length, rule))
    }
    if (end.refreshToken === null) return
    const { refreshToken } = end
    this.#recorded.push({ by: member, epoch, generation: key.generation + 1, refreshToken })
  }

  /** 5: no family dies by our own reuse while somebody has, or is about to have, its living pair. */
  revoked(_family: number, current: string): void {
    this.#note(`a second use revoked the family; its newest was ${current}`)
    const had =
      this.#committed.has(current) ||
      this.#recorded.some(({ refreshToken }) => refreshToken === current)
    if (this.#consented(this.#loginOf(current))) return
    if (had || this.#world.coming.has(current)) {
      this.complain(`a second use revoked the family of ${current}, which was recorded`)
    }
  }

  /** The epoch of a token's family, also of one that nobody has received. */
  #loginOf(refreshToken: string): number {
    const { server } = this.#world
    const family = server.familyOf(refreshToken)
    const kin = [...this.#committed].find(([token]) => server.familyOf(token) === family)
    return (kin?.[1] ?? this.newest).epoch
  }

  // -- the log ---------------------------------------------------------------------------------------------------------

  message(from: SimulatedMember, to: SimulatedMember, message: WireMessage): void {
    if (message.type !== "raft") return
    this.#complain(this.#guarded(() => this.#witness.message(from, to, message.message)))
  }

  bytes(bytes: Uint8Array): void {
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(CANARY))
      this.complain("a token shows in a message")
  }

  wrote(member: SimulatedMember, write: Write): void {
    this.#complain(this.#guarded(() => this.#witness.wrote(member, write)))
    for (const entry of write.append ?? []) {
      const read = this.#log.entry(entry)
      if (read !== null && entry.type === "app") this.tally.entry(entry.id, read)
      if (read?.type === "logout") this.#ended.add(read.epoch)
    }
  }

  // -- members ---------------------------------------------------------------------------------------------------------

  started(member: SimulatedMember): void {
    const { coordinator } = member
    if (coordinator === null) return
    this.#pace.started(this.#world.members)
    // Also what a machine wrote that died of it, and told nobody.
    for (const epoch of this.#log.ended(member)) this.#ended.add(epoch)
    const wrong = neverBack(member, this.#kept.get(member), headOf(coordinator))
    this.#complain(wrong === null ? null : `after a restart ${wrong}`)
    this.#heads.delete(member)
    // A snapshot holds what was committed, also what an earlier run had no time to tell.
    this.#learn(coordinator)
    this.#living.set(member, coordinator)
    coordinator.subscribe((event) => {
      // A process that died may still think; one that sleeps comes to the end of its thought.
      if (this.#living.get(member) === coordinator) this.#hear(member, coordinator, event)
    })
  }

  died(member: SimulatedMember): void {
    this.#living.delete(member)
    this.#heads.delete(member)
  }

  #hear(member: SimulatedMember, coordinator: Coordinator, event: CoordinatorEvent): void {
    if (event.type === "status") return this.#status(member, event.status)
    if (event.type !== "token") return
    const head = headOf(coordinator)
    this.#note(`${nameOf(member)} holds ${printHead(head)}`)
    this.#complain(endedByName(member, head, this.#ended))
    const { members } = this.#world
    // A pair that was obtained alone is used before the log has it, and may lose against the log.
    if (!quorumPasses(members, member, (one) => this.#log.holdsHead(one, head))) {
      this.#complain(committedFirst(member, head))
      return
    }
    this.#complain(neverBack(member, this.#heads.get(member), head))
    this.#heads.set(member, head)
    this.#learn(coordinator)
    // Without a leader it may only have been shown this pair; then a restart has to ask again.
    if (coordinator.status().leader === null) return
    const { scheduler } = this.#world
    scheduler.schedule(scheduler.nowMs + KEPT_AFTER_MS, () => {
      // Asleep it tidies nothing.
      if (member.coordinator !== coordinator || member.broken) return
      if (this.#heads.get(member) === head) this.#kept.set(member, head)
    })
  }

  #learn(coordinator: Coordinator): void {
    const token = coordinator.token()
    const head = headOf(coordinator)
    if (token !== null) this.#committed.set(refreshTokenOf(token.accessToken), head)
    if (isOlder(this.newest, head)) this.newest = head
  }

  #status(member: SimulatedMember, status: ClusterStatus): void {
    const { stage, cause, leader, epoch } = status
    // A logout moves no token where the member was logged out already.
    if (epoch > this.newest.epoch) this.newest = { epoch, generation: 0 }
    this.#note(`${nameOf(member)} is ${stage} (${cause ?? "-"})`)
    this.tally.stage(stage, cause)
    this.tally.leader(leader)
    this.#complain(noFalseRelogin(member, status, this.living(status.epoch)))
    this.#complain(noCanary(`the status of ${nameOf(member)}`, JSON.stringify(status)))
  }

  get #world(): World {
    if (this.world === null) throw new Error("the world is not made yet")
    return this.world
  }

  get #witness(): RaftWitness {
    this.#raft ??= new RaftWitness(this.#world.members)
    return this.#raft
  }

  #complain(what: string | null): void {
    if (what !== null) this.violations.push(what)
  }

  #guarded(check: () => string | null): string | null {
    try {
      return check()
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

function headOf(coordinator: Coordinator): Head {
  const { epoch, generation } = coordinator.status()
  return { epoch, generation }
}
