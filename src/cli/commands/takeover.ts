/**
 * `takeover`: a person accepts what it may cost, and this member refreshes once. Decides what the person is told before,
 * and when the attempt has come to something; what may be sent is the member's to know.
 */

import { quote, QuorateError } from "../../core/base/errors.ts"
import type { ClusterStatus, Session, TakeOverPreview, Token } from "../../session/types.ts"
import { confirmed } from "../confirm.ts"
import { type Context, orInterrupted } from "../context.ts"
import { type JsonObject, unixSeconds } from "../json.ts"
import { clockText } from "../text.ts"
import { keepSession, settled } from "../with-session.ts"

export interface TakeoverOptions {
  readonly yes?: boolean
}

/** Who has not found its cluster by then will be told so: "too few members" must not be said of an election. */
const PATIENCE_MS = 5_000
/** A request may wait for a connection, an answer and a commit. */
const OUTCOME_MS = 30_000

type Hopeful = Exclude<TakeOverPreview, { readonly type: "hopeless" }>

export async function takeover(context: Context, { yes = false }: TakeoverOptions): Promise<void> {
  const { output, signal } = context
  await keepSession(context, async (session) => {
    await settled(session, signal, PATIENCE_MS)
    const before = session.status()
    const cost = hopeful(await session.takeOver({ preview: true }), before)
    const text = costText(cost, before)
    if (yes) output.note(text)
    else if (!(await confirmed(`${text}\nRefresh here now?`, signal))) throw declined(text)
    // A person takes their time: what was accepted was said of this token and no other.
    const after = await outcome(session, before, signal)
    output.answer({ ...costJson(cost), ...tokenJson(after) }, outcomeText(after))
  })
}

interface Outcome {
  readonly spent: boolean
  readonly token: Pick<Token, "generation" | "epoch" | "expiresAt">
}

/** Spends, unless somebody brought a newer token meanwhile, and waits for what comes of it. */
async function outcome(
  session: Session,
  before: ClusterStatus,
  signal: AbortSignal,
): Promise<Outcome> {
  const now = session.status()
  const { epoch, expiresAtMs, generation } = now
  if (expiresAtMs !== null && isNewer(now, before)) {
    return { spent: false, token: { epoch, generation, expiresAt: expiresAtMs } }
  }
  const waiting = newerToken(session, before)
  try {
    hopeful(await session.takeOver(), now)
    return { spent: true, token: await orInterrupted(waiting.token, signal) }
  } finally {
    waiting.stop()
  }
}

interface Waiting {
  readonly token: Promise<Token>
  readonly stop: () => void
}

function newerToken(session: Session, before: ClusterStatus): Waiting {
  let stop = (): void => {}
  const token = new Promise<Token>((resolve, reject) => {
    const timer = setTimeout(() => reject(nothingCame(session.status())), OUTCOME_MS)
    const unsubscribe = session.subscribe((event) => {
      if (event.type === "token" && event.token !== null && isNewer(event.token, before)) {
        resolve(event.token)
      }
      if (event.type === "status" && isDead(event.status)) reject(loginEnded(event.status))
    })
    stop = () => {
      clearTimeout(timer)
      unsubscribe()
    }
  })
  // Whoever waits hears of it; a signal may have come first.
  token.catch(() => {})
  return { token, stop }
}

function isNewer(
  one: { readonly epoch: number; readonly generation: number },
  other: ClusterStatus,
): boolean {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch
  return one.generation > other.generation
}

/** Stuck is what a takeover is for; everything else in this stage is an end. */
function isDead({ cause, stage }: ClusterStatus): boolean {
  return stage === "relogin" && cause !== "stuck"
}

function hopeful(cost: TakeOverPreview, status: ClusterStatus): Hopeful {
  if (cost.type === "hopeless") throw loginEnded(status)
  return cost
}

/** What a person is told before they decide. */
export function costText(cost: Hopeful, status: Pick<ClusterStatus, "members">): string {
  if (cost.type === "safe") return "Nobody else can be using the refresh token: this costs nothing."
  const id = cost.holder
  const name = quote(status.members.find((member) => member.id === id)?.name ?? id ?? "a member")
  const cause = {
    in_doubt: `The answer to the refresh of ${name} was lost: the server may have taken it.`,
    open_turn: `${name} may be refreshing right now.`,
    no_quorum: "Too few members are reachable to know whether one of them has refreshed.",
  }[cost.because]
  return `${cause} If so, a second use of the refresh token can end the login for every member, and somebody must log in again.`
}

function costJson(cost: Hopeful): JsonObject {
  if (cost.type === "safe") return { cost: "safe", because: null, holder: null }
  return { cost: "risky", because: cost.because, holder: cost.holder }
}

function tokenJson({ spent, token }: Outcome): JsonObject {
  const { epoch, expiresAt, generation } = token
  return { spent, generation, epoch, expires_at: unixSeconds(expiresAt) }
}

function outcomeText({ spent, token }: Outcome): string {
  const { epoch, expiresAt, generation } = token
  const what = `generation ${generation} of login ${epoch}, valid until ${clockText(expiresAt)}`
  return spent ? `Refreshed: ${what}.` : `A newer token came by itself, nothing was spent: ${what}.`
}

function declined(text: string): QuorateError {
  return new QuorateError("DECLINED", "refused", "nothing was sent", { hint: text })
}

function loginEnded({ cause }: ClusterStatus): QuorateError {
  const message = `there is no login to keep alive (${cause ?? "unknown"})`
  return new QuorateError("LOGIN_REQUIRED", "login", message, { hint: "run `quorate login`" })
}

function nothingCame({ cause, stage }: ClusterStatus): QuorateError {
  const because = cause === null ? stage : `${stage}, ${cause}`
  const message = `no new token within ${OUTCOME_MS / 1_000} s (${because})`
  return new QuorateError("TIMEOUT", "retryable", message, {
    hint: "see `quorate status`; the attempt counts as made, another takeover is another risk",
  })
}
