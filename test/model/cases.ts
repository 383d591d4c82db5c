/** The named searches of the safe rules: which policy, which happenings, within which bounds. */

import type { Setting } from "./moment.ts"
import { EVENTS, type Happening, type Rules, SAFE } from "./rules.ts"

/** Members, of which voters, and how far refreshes go in the first epoch and in later ones. */
export interface Size {
  readonly members: number
  readonly voters: number
  readonly generations: number
  readonly later: number
}

export interface Case {
  readonly name: string
  readonly rules: Rules
  /** What may happen, how often; the rest never does. */
  readonly happens: Readonly<Partial<Record<Happening, number>>>
  readonly size: Size
}

/** The case as the checker takes it, in a size of its own or in another one. */
export function setting({ rules, happens, size }: Case): Setting {
  const times = EVENTS.map((event) => [event, happens[event] ?? 0] as const)
  return {
    rules,
    bounds: { ...size, ...(Object.fromEntries(times) as Record<Happening, number>) },
  }
}

/** The bounds in words. */
export function boundsOf({ happens, size }: Case): string {
  const events = EVENTS.flatMap((event) => {
    const count = happens[event] ?? 0
    return count === 0 ? [] : [`${count} ${WORDS[event]}`]
  })
  const voters = size.voters === 1 ? "1 voter" : "all voters"
  return [`${size.members} members`, voters, `${size.generations} generations`, ...events].join(
    ", ",
  )
}

const WORDS: Readonly<Record<Happening, string>> = {
  appCrash: "application crash",
  machineCrash: "machine crash",
  loss: "loss",
  throttle: "put off",
  partition: "partition",
  sleep: "sleep",
  delay: "delayed proposal",
  takeover: "takeover",
  unspent: "hasty report",
  login: "login",
  logout: "logout",
  override: "override",
  remove: "removal",
  image: "rollback",
}

/** A laptop and a workstation: two members, of which one votes. */
export const PAIR: Size = { members: 2, voters: 0b01, generations: 2, later: 1 }
export const LONG: Size = { ...PAIR, generations: 3 }
export const TRIO: Size = { ...PAIR, members: 3, voters: 0b111 }

export const REJECT = { policy: "reject", takeover: "policy", resend: "any" } as const
export const FOR_EVER = {
  policy: "idempotent-forever",
  takeover: "policy",
  resend: "any",
} as const
export const LAST = {
  policy: "idempotent-last",
  takeover: "policy",
  resend: "any",
} as const
const FREE = { alone: "anybody" } as const

const safe = (
  name: string,
  happens: Case["happens"],
  changes: Partial<Rules> = {},
  size: Size = PAIR,
): Case => ({ name, happens, rules: { ...SAFE, ...changes }, size })

const CUT = { machineCrash: 1, loss: 1, partition: 1 } as const
const LOST = { machineCrash: 1, loss: 1 } as const

export const SAFE_CASES: readonly Case[] = [
  safe("strict", { appCrash: 1, ...LOST }),
  safe("strict, a third generation", LOST, {}, LONG),
  safe("strict, three voters", LOST, {}, TRIO),
  safe("strict, members that are cut off", CUT),
  safe("strict, no last resort", CUT, { resend: "never" }),
  safe("strict, late proposals and hasty reports", { delay: 1, unspent: 1 }),
  safe("strict, couriers that wake late", { appCrash: 1, sleep: 1, unspent: 1 }),
  safe("strict, couriers that wake after a logout", { sleep: 1, logout: 1, partition: 1 }),
  safe("strict, a disk that goes back", { image: 1, loss: 1, partition: 1 }),
  safe("strict, a holder is removed", { remove: 1, loss: 1 }),
  safe("strict, a person's override", { override: 1, machineCrash: 1 }),
  safe("strict, a login", { login: 1, machineCrash: 1 }),
  safe("strict, a login and a late proposal", { login: 1, delay: 1 }),
  safe("strict, a login and a logout", { login: 1, logout: 1 }),
  safe("strict, a removal and a login", { remove: 1, login: 1 }),
  safe("strict, one machine", { machineCrash: 1, partition: 1 }, { machine: "shared" }),
  safe("strict, only applications crash", { appCrash: 2, sleep: 1 }),
  safe("strict, removal, login and a takeover by consent", { remove: 1, login: 1, override: 1 }),
  safe("strict, a server that puts off", { throttle: 2, loss: 1 }),
  safe(
    "strict, a restart that knows no more than its snapshot",
    { appCrash: 1 },
    { restart: "knows-snapshot" },
  ),
  safe(
    "strict, a disk that goes back, and intents tell",
    { image: 1, loss: 1 },
    { rollback: "intent-idle" },
  ),
  safe("reject, a takeover", { takeover: 1, machineCrash: 1 }, REJECT),
  safe("reject, two takeovers", { takeover: 2 }, REJECT, TRIO),
  safe("reject, a removal and a takeover", { remove: 1, takeover: 1 }, REJECT),
  safe("reject, removal, login and takeover", { remove: 1, login: 1, takeover: 1 }, REJECT),
  safe("reject, spent alone", { partition: 1 }, { ...REJECT, ...FREE }),
  safe("grace with the same pair", LOST, { policy: "grace-same" }),
  safe(
    "grace with the same pair, resent while the first is on its way",
    LOST,
    { policy: "grace-same", resend: "any" },
    LONG,
  ),
  safe("grace with a new pair", LOST, { policy: "grace-new" }, LONG),
  safe("confirm, used once committed", CUT, { policy: "confirm", use: "committed" }),
  safe("confirm, a recorded pair is used alone", CUT, { policy: "confirm" }),
  safe("idempotent with a window", LOST, { policy: "idempotent" }),
  safe("idempotent for ever, a takeover", { takeover: 1, machineCrash: 1 }, FOR_EVER),
  safe("idempotent, an older POST is on its way", { takeover: 1, loss: 1 }, FOR_EVER, LONG),
  safe("idempotent, the own turn alone, and a takeover", { takeover: 1, partition: 1 }, FOR_EVER),
  safe("idempotent, removal, login and takeover", { remove: 1, login: 1, takeover: 1 }, FOR_EVER),
  safe(
    "multi-use, removal, login and takeover",
    { remove: 1, login: 1, takeover: 1 },
    { ...FOR_EVER, policy: "multi-use" },
  ),
  safe(
    "multi-use, two generations alone",
    { partition: 1 },
    { ...FOR_EVER, ...FREE, policy: "multi-use" },
    LONG,
  ),
  safe(
    "multi-use, spent alone, and a login",
    { partition: 1, login: 1 },
    { ...FOR_EVER, ...FREE, policy: "multi-use" },
  ),
  safe(
    "multi-use, a takeover, spent alone",
    { takeover: 1, partition: 1 },
    { ...FOR_EVER, ...FREE, policy: "multi-use" },
  ),
]
