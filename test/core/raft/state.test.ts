// The last line of defence: a change of durable state that would break Raft stops the node before it is written.
import { describe, expect, test } from "vitest"
import { InvariantError } from "../../../src/core/base/assert.ts"
import { seededRandom } from "../../../src/core/base/random.ts"
import { genesis } from "../../../src/core/raft/persisted.ts"
import {
  appendEntries,
  compactLog,
  openState,
  restoreSnapshot,
  saveHard,
  truncateLog,
  type State,
} from "../../../src/core/raft/state.ts"
import {
  ELECTION_MS,
  entry,
  HEARTBEAT_MS,
  log,
  members,
  NO_DATA,
  snapshotAt,
} from "../../helpers/raft/lab.ts"

/** Term 2, voted for b, three entries of which two are committed and one is applied. */
function open(): State {
  const disk = { ...genesis(members("abc"), NO_DATA), entries: log([1, 1, 2]) }
  const options = {
    self: "a",
    electionMs: ELECTION_MS,
    heartbeatMs: HEARTBEAT_MS,
    appendBytesMax: 1000,
    pendingMax: 10,
  }
  const state = openState(
    { ...disk, hard: { term: 2, votedFor: "b" } },
    options,
    seededRandom(1),
    0,
  )
  return Object.assign(state, { commit: 2, applied: 1 })
}

describe("a node stops before", () => {
  test.for<readonly [string, (state: State) => void, RegExp]>([
    ["its term falls (§5.1)", (s) => saveHard(s, { term: 1, votedFor: null }), /term falls/],
    ["it votes twice (§5.2)", (s) => saveHard(s, { term: 2, votedFor: "c" }), /second vote/],
    ["it takes its vote back (§5.2)", (s) => saveHard(s, { term: 2, votedFor: null }), /second/],
    ["it cuts what is committed (§5.4)", (s) => truncateLog(s, 2), /committed entry would be cut/],
    [
      "it cuts what the same write appends",
      (s) => {
        appendEntries(s, [entry(4, 2)])
        truncateLog(s, 4)
      },
      /truncation follows an append/,
    ],
    [
      "a snapshot takes back what is committed (§7)",
      (s) => restoreSnapshot(s, snapshotAt(2, 1)),
      /older than the commit index/,
    ],
    ["it compacts what nobody applied (§7)", (s) => compactLog(s, 2, NO_DATA), /what was applied/],
  ])("%s", ([, change, problem]) => {
    const state = open()

    expect(() => change(state)).toThrow(problem)
    expect(() => change(open())).toThrow(InvariantError)
    expect(state.tray).toMatchObject({ snapshot: undefined, truncateFrom: undefined })
    expect(state.hard).toEqual({ term: 2, votedFor: "b" })
  })
})

test("a new term brings a vote, and the first vote of a term is saved", () => {
  const state = open()

  saveHard(state, { term: 3, votedFor: null })
  saveHard(state, { term: 3, votedFor: "c" })

  expect(state.tray.hard).toEqual({ term: 3, votedFor: "c" })
})
