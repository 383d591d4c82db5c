/**
 * One node's Raft core: inputs in, effects out, and nothing else. Decides which part handles an input and collects
 * what the driver must do. It never waits, reads no clock and draws chance only from its `random`.
 *
 * @see Ongaro and Ousterhout 2014, figure 2
 */

import type { Random } from "../base/random.ts"
import {
  campaign,
  countSelfVote,
  preCampaign,
  receiveVoteRequest,
  receiveVoteResponse,
} from "./election.ts"
import { campaignAt, collect, told, type Told } from "./effects.ts"
import {
  countWithLeader,
  hearLeaderDurable,
  receiveAppend,
  receiveSnapshot,
  refuseOldTerm,
} from "./follower.ts"
import {
  changeConfig,
  giveUpForwards,
  handOut,
  propose,
  receiveForward,
  receiveForwardResponse,
  renewForwards,
} from "./proposals.ts"
import {
  advanceCommit,
  armHeartbeat,
  broadcastHeartbeat,
  checkQuorum,
  probeAgain,
  pump,
  quorumHeardAt,
  receiveAppendResponse,
  tellDurable,
} from "./replication.ts"
import { becomeFollower } from "./role.ts"
import { isSane } from "./sanity.ts"
import { compactLog, emptyTray, isLone, isPromotable, openState, type State } from "./state.ts"
import { abortLateTransfer, advanceTransfer, retireIfRemoved, startTransfer } from "./transfer.ts"
import type {
  Effects,
  Input,
  Millis,
  NodeId,
  Persisted,
  RaftMessage,
  RaftOptions,
  RaftStatus,
} from "./types.ts"

export class RaftCore {
  readonly #state: State
  #told: Told

  private constructor(state: State) {
    this.#state = state
    this.#told = told(state)
  }

  /**
   * A node as its disk describes it. The driver has restored `persisted.snapshot` into its state machine; entries
   * after it are handed out again when they are known to be committed. Step `wake` once to arm the timer.
   *
   * @throws {InvariantError} for a disk that this core never wrote.
   */
  static open(persisted: Persisted, options: RaftOptions, random: Random, now: Millis): RaftCore {
    return new RaftCore(openState(persisted, options, random, now))
  }

  /**
   * Applies one input and says what the driver must do, in order. Never re-entered.
   *
   * @throws {InvariantError} only for a broken invariant of its own or of the driver: the node must stop.
   */
  step(input: Input, now: Millis): Effects {
    const s = this.#state
    s.now = now
    s.tray = emptyTray()
    handle(s, input)
    lead(s)
    handOut(s)
    finishLeading(s)
    const effects = collect(s, this.#told)
    this.#told = told(s)
    return effects
  }

  status(now: Millis): RaftStatus {
    const s = this.#state
    const seenAt =
      s.role.type === "leader" ? Math.min(now, quorumHeardAt(s, s.role, now)) : s.leaderSeenAt
    return {
      self: s.options.self,
      role: s.role.type,
      term: s.hard.term,
      leader: s.leader,
      commit: s.commit,
      applied: s.applied,
      lastIndex: s.log.lastIndex,
      snapshotIndex: s.log.snapshot.index,
      config: s.log.config,
      quorum: s.leader !== null && now - (quietFrom(s, seenAt) ?? now) <= s.options.electionMs,
      leaderSeenAt: seenAt,
    }
  }
}

/**
 * Since when silence counts against the leader; null: it does not. A lone voter is a quorum as long as it runs, and sends its
 * learners nothing while they lack nothing: who is connected to it and has asked it for nothing waits for no word.
 */
function quietFrom(s: State, seenAt: Millis | null): Millis | null {
  return s.role.type !== "leader" && isLone(s, s.leader) ? s.owedFrom : seenAt
}

function handle(s: State, input: Input): void {
  switch (input.type) {
    case "message":
      receive(s, input.from, input.message)
      break
    case "propose":
      propose(s, input.id, input.data)
      break
    case "change-config":
      changeConfig(s, input.id, input.config)
      break
    case "transfer":
      startTransfer(s, input.to)
      break
    case "written":
      s.durability.complete(input.seq)
      countSelfVote(s)
      countWithLeader(s)
      break
    case "compact":
      compactLog(s, input.index, input.data)
      break
    case "peer":
      hint(s, input.id, input.up)
      break
    case "resumed":
      resume(s)
      break
    case "wake":
      wake(s)
      break
    default:
      return input satisfies never
  }
}

/** A higher term is adopted before the message is looked at; vote requests have their own rules for it. */
function receive(s: State, from: NodeId, message: RaftMessage): void {
  if (from === s.options.self || !isSane(message)) return
  s.down.delete(from)
  if (message.type === "vote") {
    receiveVoteRequest(s, from, message)
    return
  }
  const promised = message.type === "vote-response" && message.pre && message.granted
  if (message.term > s.hard.term && !promised) becomeFollower(s, message.term)
  const stale = message.term < s.hard.term
  switch (message.type) {
    case "vote-response":
      receiveVoteResponse(s, from, message)
      break
    case "append":
      if (stale) refuseOldTerm(s, from, message.prevIndex)
      else receiveAppend(s, from, message)
      break
    case "append-response":
      if (!stale) receiveAppendResponse(s, from, message)
      break
    case "leader-durable":
      if (!stale) hearLeaderDurable(s, message)
      break
    case "snapshot":
      if (stale) refuseOldTerm(s, from, message.snapshot.index)
      else receiveSnapshot(s, from, message)
      break
    case "forward":
      receiveForward(s, from, message)
      break
    case "forward-response":
      receiveForwardResponse(s, message)
      break
    case "timeout-now":
      if (!stale && (s.leader === null || s.leader === from)) campaign(s, true)
      break
    default:
      return message satisfies never
  }
}

/** The transport's opinion: enough to doubt a leader or to try a peer again, never to elect. */
function hint(s: State, id: NodeId, up: boolean): void {
  if (id === s.options.self) return
  if (up) {
    s.down.delete(id)
    if (s.role.type === "leader") probeAgain(s.role, id)
  } else {
    s.down.add(id)
    if (s.leader === id) s.leader = null
  }
}

/** Nothing that passed asleep counts: neither against a leader nor for one. */
function resume(s: State): void {
  renewForwards(s)
  if (s.role.type === "leader") {
    s.role.graceFrom = s.now
    if (s.role.transfer !== null) {
      s.role.transfer = { ...s.role.transfer, until: s.now + s.options.electionMs }
    }
    broadcastHeartbeat(s, s.role)
  } else if (isPromotable(s)) {
    becomeFollower(s, s.hard.term)
  } else {
    // A learner keeps its leader, whom a quiet cluster may not name again, but owes it no loyalty.
    s.loyalUntil = s.now
  }
}

function wake(s: State): void {
  giveUpForwards(s)
  if (s.role.type === "leader") {
    abortLateTransfer(s, s.role)
    if (s.role.heartbeatAt === null || s.now < s.role.heartbeatAt) return
    checkQuorum(s, s.role)
    if (s.role.type === "leader") broadcastHeartbeat(s, s.role)
  } else if (s.now >= campaignAt(s)) {
    preCampaign(s)
  }
}

function lead(s: State): void {
  if (s.role.type === "leader") advanceCommit(s, s.role)
}

function finishLeading(s: State): void {
  if (s.role.type !== "leader") return
  tellDurable(s, s.role)
  pump(s, s.role)
  advanceTransfer(s, s.role)
  armHeartbeat(s, s.role)
  retireIfRemoved(s, s.role)
}
