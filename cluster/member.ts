/**
 * One member in a process of its own, as an application would embed it: it opens a session on a profile and does what its
 * parent asks over the channel. Decides nothing; ends with its parent.
 */

import { createHash } from "node:crypto"

import { isQuorateError, openSession } from "../src/index.ts"
import type { ClusterStatus, Session, Token } from "../src/index.ts"
import {
  type Answers,
  type Command,
  type Event,
  machineMs,
  type Request,
  type Seen,
} from "./demo/protocol.ts"
import { setWallClock } from "./wall-clock.ts"

let session: Session | null = null
/** What the application uses at present: a server may refuse it. */
let held: Token | null = null
let told = ""

function tell(event: Event): void {
  // The channel may close between the look and the send; then the parent is gone, and so is this process.
  if (process.connected) process.send?.(event, undefined, undefined, () => undefined)
}

function seenOf(status: ClusterStatus): Seen {
  const nameOf = (id: string | null): string | null =>
    status.members.find((member) => member.id === id)?.name ?? null
  const peers = status.members.filter((member) => member.connected && !member.self)
  return {
    stage: status.stage,
    cause: status.cause,
    role: status.role,
    quorum: status.quorum,
    epoch: status.epoch,
    generation: status.generation,
    expiresAtMs: status.expiresAtMs,
    leader: nameOf(status.leader),
    holder: nameOf(status.holder),
    courier: status.courier,
    peers: peers.map(({ name }) => name).toSorted(),
  }
}

function look(open: Session): void {
  const seen = seenOf(open.status())
  const text = JSON.stringify(seen)
  if (text === told) return
  told = text
  tell({ type: "seen", seen, at: machineMs() })
}

/** A token as it may be told: recognizable, and of no use to anybody. */
function hashOf({ accessToken }: Token): string {
  return createHash("sha256").update(accessToken).digest("hex")
}

async function open(command: Extract<Command, { type: "open" }>): Promise<null> {
  const { profile, provider, watchMs } = command
  const opened = await openSession({ profile, provider, key: "file" })
  session = opened
  opened.subscribe((event) => {
    if (event.type === "token" && event.token !== null) {
      const { epoch, generation, source } = event.token
      const at = machineMs()
      tell({
        type: "token",
        epoch,
        generation,
        hash: hashOf(event.token),
        here: source === "refresh",
        at,
      })
    }
    if (watchMs !== null) look(opened)
  })
  if (watchMs !== null) {
    look(opened)
    setInterval(() => look(opened), watchMs)
  }
  return null
}

async function get(
  from: Session,
  command: Extract<Command, { type: "get" }>,
): Promise<Answers["get"]> {
  const { mode, timeoutMs } = command
  const askedAt = machineMs()
  const refused = mode === "refused" && held !== null ? { rejected: held.accessToken } : {}
  const token = await from.getToken({
    timeoutMs,
    ...(mode === "force" ? { mode: "force" } : refused),
  })
  held = token
  const { epoch, generation, source } = token
  return { epoch, generation, hash: hashOf(token), source, askedAt, doneAt: machineMs() }
}

async function perform(command: Command): Promise<Answers[keyof Answers]> {
  if (command.type === "open") return open(command)
  if (command.type === "clock") {
    setWallClock(command.offMs)
    return null
  }
  if (session === null) throw new Error("not open yet")
  switch (command.type) {
    case "login": {
      const { generation } = await session.login(command.tokens, command.issuedAtMs)
      return { generation }
    }
    case "get":
      return get(session, command)
    case "fetch": {
      const response = await session.fetch(command.url)
      await response.body?.cancel()
      return { status: response.status }
    }
    case "leader":
      return { leader: seenOf(session.status()).leader }
    case "close":
      await session.close()
      return null
    default:
      return command satisfies never
  }
}

process.on("message", (request: Request) => {
  const { id, command } = request
  perform(command).then(
    (value) => {
      tell({ type: "answer", id, value })
      if (command.type === "close") process.disconnect()
    },
    (error: unknown) => {
      const code = isQuorateError(error) ? error.code : "INTERNAL"
      tell({ type: "refusal", id, code, message: String(error) })
    },
  )
})
// A terminal's Ctrl-C reaches every process in front: the parent decides what becomes of this one.
process.on("SIGINT", () => undefined)
process.on("disconnect", () => process.exit(0))
