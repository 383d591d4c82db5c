/**
 * A stage and its cause in words. Decides which sentence a cause gets and which devices are named in it; which stage it is
 * was decided by `status.ts`, and the words are `texts.ts`.
 *
 * Pure and without packages: a guest and a user interface may load it.
 */

import { familyOf } from "../oauth/dialects.ts"
import type { Stage } from "./status.ts"
import { type Reason, stageTexts, type StageTexts } from "./texts.ts"
import type { MemberId } from "./types.ts"

/** What a status says of a stage; any `ClusterStatus` fits. */
export interface StageStatus {
  readonly stage: Stage
  readonly cause: string | null
  readonly suspects: readonly MemberId[]
  readonly members: readonly {
    readonly id: MemberId
    readonly name: string
    readonly connected: boolean
    readonly self: boolean
  }[]
}

export interface StageDescription {
  /** True: a user interface shows nothing; the words are for those who ask. */
  readonly silent: boolean
  readonly title: string
  /** Why; null: there is nothing to explain. */
  readonly detail: string | null
  /** What a person can do; null: nothing, it goes on by itself. */
  readonly action: string | null
}

/** A stage and its cause in words. */
export function describeStage(
  status: StageStatus,
  texts: StageTexts = stageTexts(),
): StageDescription {
  const { stage, cause } = status
  const silent = stage !== "connecting" && stage !== "relogin"
  const devices = devicesToOpen(status).join(texts.or)
  const fill = (text: string): string =>
    text.replaceAll(/\{(device|code)\}/g, (_, name) =>
      name === "device" ? devices : quoted(cause),
    )
  const reason = cause === null ? null : reasonOf(stage, cause)
  const isNamed = reason !== null && WAITS_FOR_DEVICE.has(reason) && devices !== ""
  const action = reason === null ? null : isNamed ? texts.open : texts.actions[reason]
  return {
    silent,
    title: fill(texts.titles[stage === "relogin" && isNamed ? "stuck" : stage]),
    detail: reason === null ? null : fill(texts.details[reason]),
    action: action === null || silent ? null : fill(action),
  }
}

/** The devices that may have the pair and are not here: opening one that is open already would help nobody. */
function devicesToOpen({ members, suspects }: StageStatus): readonly string[] {
  return members
    .filter(({ connected, id, self }) => !self && !connected && suspects.includes(id))
    .map(({ name }) => name)
}

const WAITS_FOR_DEVICE: ReadonlySet<Reason> = new Set([
  "stuck",
  "in_doubt",
  "spent_elsewhere",
  "holder_away",
])

/** The cause as it is, cut and without what could forge a line. */
function quoted(cause: string | null): string {
  return (cause ?? "").replaceAll(/[^\w .:-]/g, "?").slice(0, 64)
}

/** Which sentence a cause gets. A server's own word in a relogin always means that it has ended the login. */
export function reasonOf(stage: Stage, cause: string): Reason {
  const known = OWN.get(cause)
  if (known !== undefined) return known
  if (stage === "relogin") return "login_ended"
  const status = Number(/^http_(\d{3})$/.exec(cause)?.[1] ?? Number.NaN)
  if (!Number.isNaN(status)) return reasonOfStatus(status)
  const family = familyOf(cause)
  if (family !== null) return FAMILY[family]
  if (/^(?:CERT|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|ERR_(?:TLS|SSL)|EPROTO|HOSTNAME)/.test(cause)) {
    return "insecure"
  }
  return /^E[A-Z]+(?:_[A-Z]+)*$/.test(cause) ? "unreachable" : "other"
}

function reasonOfStatus(status: number): Reason {
  if (status === 409) return "conflict"
  if (status === 429 || status === 503) return "busy"
  if (status >= 500) return "server_failed"
  return status >= 400 ? "client_refused" : "misunderstood"
}

const FAMILY = {
  dead: "login_ended",
  conflict: "conflict",
  throttled: "busy",
  unavailable: "busy",
  unsupported: "client_refused",
  client: "client_refused",
  server: "server_failed",
} as const satisfies Record<NonNullable<ReturnType<typeof familyOf>>, Reason>

/** The causes that are words of our own, by the sentence that they get. */
const CAUSES: Readonly<Partial<Record<Reason, string>>> = {
  starting: "starting",
  never_logged_in: "never_logged_in not_initialized",
  logged_out: "logged_out",
  stuck: "stuck",
  no_quorum: "no_quorum",
  in_doubt: "in_doubt courier_died record_unreadable no_provider sent_before",
  spent_elsewhere: "spent_elsewhere",
  holder_away: "holder_away",
  slow_answer: "slow_answer",
  no_full_member: "no_full_member",
  earlier_request: "earlier_request",
  idle: "idle",
  store_failed: `store_failed journal_failed store_unusable store_foreign store_fenced key_unusable
    CLAIM_FAILED`,
  keychain: "keychain_locked keychain_unavailable",
  host_lost: "host_lost timeout internal closed",
  host_silent: "host_silent host_busy",
  host_version: "host_version",
  wrong_identity: "wrong_identity",
  unreachable: "TIMEOUT UNKNOWN no_response",
  misunderstood: `captive_portal body_cut empty_body not_json no_token UNEXPECTED_UPGRADE
    BODY_TOO_LARGE`,
  client_refused: "client_refused",
  settings: `usage invalid_options provider_mismatch already_initialized not_a_member holds_turn INVALID_URL
    INSECURE_URL`,
  not_prepared: "prepare_failed discovery_failed",
  not_sent: "found_unsent too_late courier_busy not_claimed CLAIM_REFUSED REFUSED",
  transient: "transient",
}

const OWN: ReadonlyMap<string, Reason> = new Map(
  (Object.keys(CAUSES) as Reason[]).flatMap((reason) =>
    (CAUSES[reason] ?? "").split(/\s+/).map((cause) => [cause, reason] as const),
  ),
)
