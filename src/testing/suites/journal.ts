/**
 * What every implementation of the port `Journal` must do (design §4.3). Who may ask is not tested here: the judge of
 * a record holds the courier's lock.
 */

import type { AttemptKey } from "../../core/refresh/types.ts"
import type { Journal } from "../../ports/journal.ts"
import { type TestRunner, thrownBy } from "./runner.ts"

/** One journal under test. */
export interface JournalSubject {
  /** Opens the same journal once more; several stay usable beside each other. */
  open(): Journal
  /** Closes and removes everything. */
  destroy(): void
}

const KEY: AttemptKey = { epoch: 1, generation: 4, parent: "p", turn: 12, attempt: 2 }
const EARLIER: AttemptKey = { ...KEY, attempt: 1 }
const LATER: AttemptKey = { ...KEY, attempt: 3 }
const SEALED: Uint8Array = Uint8Array.of(1, 0, 255)

/** Registers the suite. `make` gives an empty journal each time. */
export function journalSuite(runner: TestRunner, make: () => JournalSubject): void {
  const rule = (title: string, body: (open: () => Journal) => void): void =>
    runner.test(title, () => {
      const subject = make()
      try {
        body(() => subject.open())
      } finally {
        subject.destroy()
      }
    })
  claimRules(runner, rule)
  latestRules(runner, rule)
  intentRules(runner, rule)
  answerRules(runner, rule)
  settleRules(runner, rule)
}

type Rule = (title: string, body: (open: () => Journal) => void) => void

function claimRules({ expect }: TestRunner, rule: Rule): void {
  rule("an attempt without a row was not sent", (open) => {
    expect(open().read(KEY)).toEqual({ type: "none" })
  })

  rule("a claim is durable before the first byte leaves", (open) => {
    expect(open().claim(KEY)).toBe(true)

    expect(open().read(KEY)).toEqual({ type: "sending" })
  })

  rule("an attempt is claimed once", (open) => {
    open().claim(KEY)

    expect(open().claim(KEY)).toBe(false)
  })

  rule("an attempt is not claimed after a later one of its turn", (open) => {
    const journal = open()
    journal.claim(KEY)

    expect(journal.claim(EARLIER)).toBe(false)
    expect(journal.read(EARLIER)).toEqual({ type: "none" })
    expect(journal.claim(LATER)).toBe(true)
  })

  rule("a row of another turn, generation or epoch refuses nothing", (open) => {
    const journal = open()
    journal.claim(LATER)

    const others = [
      { ...KEY, turn: 13 },
      { ...KEY, generation: 5 },
      { ...KEY, parent: "q" },
      { ...KEY, epoch: 2 },
    ]
    expect(others.map((key) => journal.claim(key))).toEqual([true, true, true, true])
  })

  rule("a voided attempt is never claimed, the next one may be", (open) => {
    const journal = open()
    expect(journal.void(KEY)).toBe(true)

    const late = open()
    expect(late.claim(KEY)).toBe(false)
    expect(late.claim(EARLIER)).toBe(false)
    expect(late.read(KEY)).toEqual({ type: "void" })
    expect(late.claim(LATER)).toBe(true)
  })

  rule("an attempt with a row is not voided", (open) => {
    const journal = open()
    journal.claim(KEY)

    expect(journal.void(KEY)).toBe(false)
    expect(journal.read(KEY)).toEqual({ type: "sending" })
  })

  rule("a closed journal refuses everything", (open) => {
    const journal = open()
    journal.close()
    journal.close()

    expect(thrownBy(() => journal.claim(KEY))).toBe("CLOSED")
    expect(thrownBy(() => journal.read(KEY))).toBe("CLOSED")
  })
}

function latestRules({ expect }: TestRunner, rule: Rule): void {
  rule("the latest attempt of a turn is known, and no other turn's", (open) => {
    const journal = open()
    journal.claim(EARLIER)
    journal.void(KEY)
    journal.claim({ ...KEY, turn: KEY.turn + 1, attempt: 5 })

    expect(journal.latest(KEY)).toBe(2)
    expect(journal.latest({ ...KEY, generation: KEY.generation + 1 })).toBe(0)
  })
}

function intentRules({ expect }: TestRunner, rule: Rule): void {
  rule("an intent stands until its token is claimed", (open) => {
    const journal = open()
    journal.intend("p", "run.1")
    journal.intend("q", "run.1")

    expect(open().intends("p", "run.1")).toBe(true)
    expect(open().intends("p", "run.2")).toBe(false)
    journal.claim(KEY)
    expect(open().intends("p", "run.1")).toBe(false)
    expect(open().intends("q", "run.1")).toBe(true)
  })

  rule("an intent stands until its turn is voided, and a refused void leaves it", (open) => {
    const journal = open()
    journal.intend("p", "run.1")
    journal.void(KEY)
    expect(journal.intends("p", "run.1")).toBe(false)

    journal.intend("p", "run.1")
    journal.void(KEY)
    expect(journal.intends("p", "run.1")).toBe(true)
  })

  rule("a token was sent in each attempt that was not voided", (open) => {
    const journal = open()
    expect(journal.sends(KEY)).toBe(0)
    journal.void(EARLIER)
    journal.claim(KEY)
    journal.claim({ ...KEY, parent: "q" })
    journal.claim({ ...KEY, generation: 5 })
    expect(journal.sends(KEY)).toBe(1)
    journal.answer(KEY, SEALED)
    journal.claim({ ...KEY, turn: 13 })
    journal.settle(KEY)

    expect(open().sends(KEY)).toBe(2)
  })
}

function answerRules({ expect }: TestRunner, rule: Rule): void {
  rule("an answer is kept until its pair is in the log", (open) => {
    const journal = open()
    journal.claim(KEY)
    const sealed = SEALED.slice()
    journal.answer(KEY, sealed)
    sealed.fill(9)

    const again = open()
    expect(again.read(KEY)).toEqual({ type: "answered", sealed: SEALED })
    expect(again.answered()).toEqual([{ key: KEY, sealed: SEALED }])
    expect(again.void(KEY)).toBe(false)
  })

  rule("kept answers come oldest first", (open) => {
    const journal = open()
    const keys = [
      { ...KEY, epoch: 2, generation: 1 },
      { ...KEY, generation: 10 },
      LATER,
      { ...KEY, generation: 9 },
    ]
    for (const key of keys) {
      journal.claim(key)
      journal.answer(key, SEALED)
    }

    const order = journal.answered().map(({ key }) => key)
    expect(order).toEqual([keys[2], keys[3], keys[1], keys[0]])
  })

  rule("only a claimed attempt is answered", (open) => {
    const journal = open()
    journal.void(KEY)

    expect(thrownBy(() => journal.answer(KEY, SEALED))).toBe("InvariantError")
    expect(thrownBy(() => journal.answer(LATER, SEALED))).toBe("InvariantError")
    expect(journal.read(KEY)).toEqual({ type: "void" })
    expect(journal.read(LATER)).toEqual({ type: "none" })
  })
}

function settleRules({ expect }: TestRunner, rule: Rule): void {
  rule("a settled attempt leaves a tombstone that is never taken for unsent", (open) => {
    const journal = open()
    journal.claim(KEY)
    journal.answer(KEY, SEALED)
    journal.settle(KEY)
    journal.settle(KEY)

    const again = open()
    expect(again.answered()).toEqual([])
    expect(again.read(KEY)).toEqual({ type: "sending" })
    expect(again.claim(KEY)).toBe(false)
    expect(again.void(KEY)).toBe(false)
  })

  rule("an answer that comes after its pair was settled is dropped", (open) => {
    const journal = open()
    journal.claim(KEY)
    journal.settle(KEY)

    journal.answer(KEY, SEALED)

    expect(open().answered()).toEqual([])
  })

  rule("settling an attempt that is void or unknown changes nothing", (open) => {
    const journal = open()
    journal.void(KEY)
    journal.settle(KEY)
    journal.settle(LATER)

    expect(journal.read(KEY)).toEqual({ type: "void" })
    expect(journal.claim(LATER)).toBe(true)
  })
}
