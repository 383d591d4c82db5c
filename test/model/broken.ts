/** Rules broken on purpose, one at a time: each must fail, by the invariant and in as many steps as are written here. */

import { type Case, FOR_EVER, LAST, LONG, PAIR, REJECT, type Size } from "./cases.ts"
import { type Rules, SAFE } from "./rules.ts"

export interface BrokenCase extends Case {
  /** The invariant that matters, and the steps of its shortest counterexample: one that moves is worth a look. */
  readonly fails: string
  readonly steps: number
}

const broken = (
  name: string,
  [fails, steps]: readonly [string, number],
  happens: Case["happens"],
  changes: Partial<Rules>,
  size: Size = PAIR,
): BrokenCase => ({ name, fails, steps, happens, rules: { ...SAFE, ...changes }, size })

export const BROKEN_CASES: readonly BrokenCase[] = [
  broken("a turn expires by time", ["S1", 9], { takeover: 1 }, { takeover: "expiry" }),
  broken(
    "a restarted holder spends its turn again",
    ["S1", 8],
    { machineCrash: 1 },
    { foundTurn: "spent" },
  ),
  broken("the courier repeats a lost POST", ["S1", 6], { loss: 1 }, { repeats: true }),
  broken(
    "nothing is recorded before the first byte",
    ["S1", 13],
    { machineCrash: 1 },
    { claims: false },
  ),
  broken("the courier's lock is not asked", ["S1b", 8], {}, { locks: false }),
  broken("anybody spends alone", ["S1", 5], { partition: 1 }, { alone: "anybody" }),
  broken(
    "a holder spends later generations alone",
    ["S1", 16],
    { partition: 1 },
    { alone: "holder-on" },
    LONG,
  ),
  broken("unspent is reported without a fence", ["S1", 12], { unspent: 1 }, { fences: false }),
  broken(
    "unspent is reported without a fence while a courier sleeps",
    ["S1", 13],
    { sleep: 1 },
    { fences: false, refusesOldGo: false },
  ),
  broken(
    "a go is taken however old it is",
    ["L", 6],
    { sleep: 1, logout: 1 },
    { refusesOldGo: false },
  ),
  broken(
    "strict, resent while the first may be on its way",
    ["S1b", 9],
    { loss: 1 },
    { resend: "any" },
  ),
  broken(
    "a generation sent twice is followed by a turn at once",
    ["S1b", 17],
    { loss: 1 },
    { policy: "grace-same", resend: "any", settles: false },
    LONG,
  ),
  broken(
    "grace with a new pair, resent while the first may be on its way",
    ["S1c", 17],
    { loss: 1 },
    { policy: "grace-new", resend: "any" },
    LONG,
  ),
  broken(
    "grace, another member takes over",
    ["S1b", 12],
    { takeover: 1 },
    { policy: "grace-same", takeover: "policy" },
    LONG,
  ),
  broken(
    "confirm, another member takes over",
    ["S1b", 15],
    { takeover: 1 },
    { policy: "confirm", takeover: "policy", use: "committed" },
  ),
  broken(
    "confirm, resent while the first may be on its way",
    ["S1b", 13],
    { loss: 1 },
    { policy: "confirm", resend: "any", use: "committed" },
  ),
  broken(
    "confirm, a pair is used before it is recorded",
    ["C", 6],
    {},
    { policy: "confirm", use: "at-once" },
  ),
  broken(
    "a window, and another member takes over with the same key",
    ["S1b", 12],
    { takeover: 1 },
    { policy: "idempotent", takeover: "policy" },
    LONG,
  ),
  broken(
    "the idempotency key belongs to the turn",
    ["S1b", 11],
    { takeover: 1 },
    { ...FOR_EVER, key: "turn" },
  ),
  broken(
    "a refusal is final although an earlier holder may have spent",
    ["S2", 13],
    { takeover: 1 },
    { ...REJECT, latch: "refusal" },
  ),
  broken(
    "a turn opens although the head was refused",
    ["R", 21],
    { takeover: 1, machineCrash: 1 },
    { ...REJECT, refusalCloses: false },
  ),
  broken(
    "spent alone, and only turns tell who may have spent",
    ["S2", 12],
    { partition: 1 },
    { policy: "reject", alone: "anybody", resend: "any", latch: "spenders" },
  ),
  broken(
    "a suspect vouches without a look at its courier",
    ["S2", 15],
    { partition: 1 },
    { policy: "reject", alone: "anybody", resend: "any", vouches: "at-once" },
  ),
  broken("a pair is accepted by its generation", ["E", 9], { login: 1 }, { accepts: "generation" }),
  broken(
    "login and logout do not name the epoch they end",
    ["E", 3],
    { login: 1, logout: 1 },
    { comparesEpoch: false },
  ),
  broken(
    "the application makes the POST itself",
    ["D", 5],
    { appCrash: 1 },
    { sender: "application" },
  ),
  broken(
    "only the newest pair is kept",
    ["S3", 10],
    { partition: 1 },
    { policy: "multi-use", resend: "any", alone: "anybody", keeps: "newest" },
    LONG,
  ),
  broken(
    "one machine, and the lock is let go too early",
    ["S1", 5],
    { partition: 1 },
    { machine: "leaky" },
  ),
  broken(
    "a removed member may not hand in its pair",
    ["S3", 6],
    { remove: 1 },
    { policy: "reject", surrenders: false },
  ),
  broken(
    "a disk that goes back is not noticed",
    ["S1", 14],
    { image: 1 },
    { rollback: "unnoticed" },
  ),
  broken(
    "after a disk went back its open turn is unspent",
    ["S1", 15],
    { image: 1 },
    { rollback: "unspent" },
  ),
  broken(
    "an image between the intent and the claim",
    ["S1", 15],
    { image: 1 },
    { rollback: "intent" },
  ),
  broken(
    "idempotent, a server that forgets the key once its answer was used",
    ["S1b", 19],
    { takeover: 1 },
    LAST,
    LONG,
  ),
  broken(
    "idempotent, removal, login and takeover: the key belongs to the turn",
    ["S1b", 11],
    { remove: 1, login: 1, takeover: 1 },
    { ...FOR_EVER, key: "turn" },
  ),
  broken(
    "multi-use, removal, login and takeover: a pair is accepted by its generation",
    ["E", 9],
    { remove: 1, login: 1, takeover: 1 },
    { ...FOR_EVER, policy: "multi-use", accepts: "generation" },
  ),
  broken(
    "strict, removal, login and a takeover by consent",
    ["S1", 6],
    { remove: 1, login: 1, override: 1 },
    { asksAfterGamble: true },
  ),
  broken(
    "after a disk went back its records are acted upon",
    ["S1b", 14],
    { image: 1, loss: 1, partition: 1 },
    { rollback: "acting" },
  ),
  broken(
    "strict, a person removes the holder of an open turn",
    ["S1", 11],
    { remove: 1 },
    { asksAfterGamble: true },
  ),
  broken(
    "grace, a person removes the holder of an open turn",
    ["S1b", 14],
    { remove: 1 },
    { asksAfterGamble: true, policy: "grace-same" },
  ),
  broken(
    "confirm, a person removes the holder of an open turn",
    ["S1b", 15],
    { remove: 1 },
    { asksAfterGamble: true, policy: "confirm" },
  ),
  broken(
    "idempotent with a window, a person removes the holder",
    ["S1b", 14],
    { remove: 1 },
    { asksAfterGamble: true, policy: "idempotent" },
  ),
  broken(
    "removal, login and takeover: nobody remembers who may have spent",
    ["S2", 13],
    { remove: 1, login: 1, takeover: 1 },
    { ...REJECT, latch: "refusal" },
  ),
]
