import { afterEach, beforeAll, describe, expect, test, vi } from "vitest"

import { Attempts } from "../../src/coordination/attempts.ts"
import { OwnTurn } from "../../src/core/refresh/own-turn.ts"
import type { LogEntry, Turn } from "../../src/core/refresh/types.ts"
import type { TraceEvent } from "./events.ts"
import { follow, record, type Recorded } from "./runs.ts"

/** `node test/model/explore.ts trace N` follows more. */
const BLOCKS = Array.from({ length: 10 }, (_, block) => 1 + block * 20)
const BLOCK = 20
const PATIENCE_MS = 120_000

type Adopt = (this: OwnTurn, turn: Turn | null, ours: boolean) => void
type Event<T extends TraceEvent["type"]> = Extract<TraceEvent, { type: T }>

// DESIGN §4: what `fold` is held to entry by entry, the agent, the courier and the driver are held to run by run.
describe("what the code does in the simulator is a path of the model", () => {
  test.each(BLOCKS)(
    "seed %i and the nineteen after it",
    async (first) => {
      let sent = 0
      for (let seed = first; seed < first + BLOCK; seed += 1) {
        const run = await record(seed)

        expect(follow(run).refusal, `seed=${seed}`).toBeNull()
        sent += run.events.filter(({ type }) => type === "arrived").length
      }

      // Runs in which nothing is spent would prove nothing.
      expect(sent).toBeGreaterThan(BLOCK)
    },
    PATIENCE_MS,
  )
})

/** The first event of this kind that fits. */
function find<T extends TraceEvent["type"]>(
  events: readonly TraceEvent[],
  type: T,
  fits: (event: Event<T>) => boolean = () => true,
): { readonly at: number; readonly event: Event<T> } {
  const isIt = (event: TraceEvent): event is Event<T> =>
    event.type === type && fits(event as Event<T>)
  const at = events.findIndex(isIt)
  return { at, event: events[at] as Event<T> }
}

const another = (member: number): number => (member === 0 ? 1 : 0)

const inserted = (
  events: readonly TraceEvent[],
  at: number,
  ...more: readonly TraceEvent[]
): readonly TraceEvent[] => events.toSpliced(at, 0, ...more)

const claimed = (events: readonly TraceEvent[]): { at: number; event: Event<"row"> } =>
  find(events, "row", ({ row }) => row === "claimed")
const answered = (events: readonly TraceEvent[]): { at: number; event: Event<"row"> } =>
  find(events, "row", ({ row }) => row === "answered")

const reported = (member: number, entry: LogEntry): TraceEvent => ({
  type: "proposed",
  member,
  id: "forged",
  entry,
})

/** Each is the run as a wrong implementation would have done it. */
const FORGERIES: Readonly<
  Record<string, (events: readonly TraceEvent[]) => readonly TraceEvent[]>
> = {
  "a POST without a turn": (events) => {
    const { at, event } = find(events, "go")
    return inserted(events, at, { ...event, member: another(event.member) })
  },
  "a POST before the own turn was applied": (events) => {
    const { at, event } = find(events, "go")
    const { at: turn } = find(
      events,
      "applied",
      ({ member, index }) => member === event.member && index === event.key.turn,
    )
    return inserted(events.toSpliced(at, 1), turn, event)
  },
  "a claim after the void": (events) => {
    const { at, event } = claimed(events)
    return inserted(events, at, { ...event, row: "voided" })
  },
  "unspent, although it was sent": (events) => {
    const { at, event } = claimed(events)
    const holder = find(events, "proposed", ({ entry }) => entry.type === "turn").event.entry
    if (holder.type !== "turn") throw new Error("a turn that is none")
    const report = { type: "unspent", cause: "found_unsent" } as const
    const entry: LogEntry = { type: "report", turn: event.key.turn, holder: holder.holder, report }
    return inserted(events, at + 1, reported(event.member, entry))
  },
  "a second send by another member": (events) => {
    const { at, event } = claimed(events)
    const go = find(events, "go").event
    const member = another(event.member)
    return inserted(events, at + 1, { ...go, member }, { ...event, member })
  },
  "a second send by the holder itself": (events) => {
    const { at } = answered(events)
    const go = find(events, "go").event
    return inserted(events, at + 1, { ...go, key: { ...go.key, attempt: 2 } })
  },
  "a Result with another parent is taken": (events) => {
    const { event } = find(events, "applied", ({ entry }) => entry.type === "result")
    return [...events, { ...event, index: 1_000_000 }]
  },
  "a pair is spent before it is committed": (events) => {
    const { at } = answered(events)
    const go = find(events, "go").event
    const { reply } = find(events, "arrived").event
    if (reply.type !== "issued") throw new Error("not granted")
    return inserted(events, at + 1, { ...go, token: reply.token })
  },
  "a turn is asked for although the journal holds the next pair": (events) => {
    const { at, event } = answered(events)
    const turn = find(events, "proposed", ({ entry }) => entry.type === "turn").event.entry
    return inserted(events, at + 1, reported(event.member, turn))
  },
  "a turn replaces an open one under strict": (events) => {
    const { at, event } = claimed(events)
    const turn = find(events, "proposed", ({ entry }) => entry.type === "turn").event.entry
    if (turn.type !== "turn") throw new Error("a turn that is none")
    return inserted(
      events,
      at + 1,
      reported(another(event.member), { ...turn, replaces: event.key.turn }),
    )
  },
  "an entry is left out by a member": (events) => {
    const { at } = find(
      events,
      "applied",
      ({ entry, verdict }) => entry.type === "turn" && verdict.type === "applied",
    )
    return events.toSpliced(at, 1)
  },
}

describe("and a run that breaks a rule is none", () => {
  let run: Recorded

  // Any that has what is forged: several members under strict, and a first POST that was granted.
  beforeAll(async () => {
    for (let seed = 1; ; seed += 1) {
      run = await record(seed)
      const { plan, members, events } = run
      const { reply } = find(events, "arrived").event ?? {}
      if (members.length > 1 && plan.policy.type === "strict" && reply?.type === "issued") return
    }
  }, PATIENCE_MS)

  test.each(Object.entries(FORGERIES))("%s", (_, forge) => {
    const events = forge(run.events)

    expect(follow(run).refusal).toBeNull()
    expect(events).not.toEqual(run.events)
    expect(follow({ ...run, events }).refusal).toMatch(/^FORBIDDEN: /m)
  })
})

// The same of code with a bug planted in memory: the model must find it in what the code does.
describe("code with a planted bug leaves the model", () => {
  afterEach(() => void vi.restoreAllMocks())

  /** The first refusal within so many seeds. */
  const hunt = async (seeds: number): Promise<string | null> => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { refusal } = follow(await record(seed))
      if (refusal !== null) return refusal.replace(/^[^]*FORBIDDEN: /, "").split("\n")[0] ?? ""
    }
    return null
  }

  test(
    "unspent is reported without a void",
    async () => {
      vi.spyOn(Attempts.prototype, "judge").mockImplementation(({ number, holder }) => {
        const report = { type: "unspent", cause: "found_unsent" } as const
        return Promise.resolve({ type: "report", turn: number, holder, report })
      })

      expect(await hunt(40)).toMatch(/unspent, delayed/)
    },
    PATIENCE_MS,
  )

  test(
    "a turn that was found after a restart is spent as if it were new",
    async () => {
      const adopt = Reflect.get(OwnTurn.prototype, "adopt") as Adopt
      vi.spyOn(OwnTurn.prototype, "adopt").mockImplementation(function (this: OwnTurn, turn) {
        adopt.call(this, turn, true)
      })

      expect(await hunt(40)).toMatch(/carried/)
    },
    PATIENCE_MS,
  )
})
