/** Prints what the neighbours of this file measure of a refresh among devices. */

import type { Round } from "./refresh.ts"
import { head, medianOf, print, row } from "./table.ts"

/** What agreement may cost on top of the server's own time, in ms. */
const TARGET_MS = 20

export function report(rounds: readonly Round[]): void {
  const of = (pick: (round: Round) => number): readonly number[] => rounds.map(pick)
  head()
  row(
    "from the demand until all three have it",
    of(({ total }) => total),
  )
  row(
    "  until the one that asked has it",
    of(({ asker }) => asker),
  )
  row(
    "the server's own time",
    of(({ server }) => server),
  )
  row(
    "a bare POST by one process, same minutes",
    of(({ bare }) => bare),
  )
  row(
    "  the server's own time for it",
    of(({ bareServer }) => bareServer),
  )
  print("  where it goes:")
  row(
    "  turn agreed, connected, request at the server",
    of(({ toServer }) => toServer),
  )
  row(
    "  new pair there until committed where asked",
    of(({ toAsker }) => toAsker),
  )
  row(
    "  from there until the last member has it",
    of(({ toAll }) => toAll),
  )
  for (const leader of [true, false]) {
    const some = rounds.filter(({ askedByLeader }) => askedByLeader === leader)
    const who = leader ? "the leader" : "a follower"
    if (some.length > 0)
      row(
        `  total when ${who} asks (${some.length})`,
        some.map((one) => one.total),
      )
  }
  const total = medianOf(of((one) => one.total))
  const server = medianOf(of((one) => one.server))
  const bare = medianOf(of((one) => one.bare))
  const above = total - server
  print(
    `  above the server's own time: ${above.toFixed(1)} ms, ${above <= TARGET_MS ? "within" : "MISSES"} the target of ${TARGET_MS} ms; ` +
      `${(total / server).toFixed(1)} times the server's time, ${(total / bare).toFixed(1)} times a bare POST`,
  )
}
