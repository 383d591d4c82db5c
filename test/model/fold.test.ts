import { describe, expect, test } from "vitest"

import { type Case, LONG, PAIR, REJECT, setting, type Size, TRIO } from "./cases.ts"
import { check } from "./checker.ts"
import { accept, type Entry, type Lineages, type View, words } from "./log.ts"
import { foldTo } from "./compact.ts"
import { comparable, Production } from "./production.ts"
import { protocol } from "./protocol.ts"
import { type Rules, SAFE } from "./rules.ts"
import { at, type State } from "./state.ts"

/** A view that some member can have, and the tokens that exist then. */
interface Found {
  readonly view: View
  readonly lineages: Lineages
}

/** Every view of every state, once. */
function viewsOf(each: Case): readonly Found[] {
  const found = new Map<string, Found>()
  const { rules } = each
  const model = protocol(setting(each))
  const look = (state: State): void => {
    const { parent, family, generation } = state.server
    for (let count = 0; count <= state.log.length; count++) {
      const view = foldTo(state, count, rules)
      const name = [...Object.values(view), parent.join(), family.join()].join(".")
      if (!found.has(name)) found.set(name, { view, lineages: { parent, family, generation } })
    }
  }
  const next = (state: State): ReturnType<typeof model.next> => (look(state), model.next(state))
  const { complete } = check({ ...model, next }, { states: 100_000, until: null })
  if (!complete) throw new Error("the search was not exhaustive")
  return [...found.values()]
}

/** Every entry that could be told in this view, also late, twice, or by somebody who is out of date. */
function entriesOf({ view, lineages }: Found, members: number): readonly Entry[] {
  const upTo = (last: number): readonly number[] => Array.from({ length: last + 1 }, (_, n) => n)
  const tokens = upTo(lineages.parent.length - 1).slice(1)
  const turns = upTo(view.lastTurn + 1).slice(1)
  const everyone = upTo(members - 1)
  const epochs = upTo(view.epoch + 1)
  const rivals = (token: number): boolean =>
    token !== view.head &&
    lineages.family[token] === view.family &&
    lineages.generation[token] === lineages.generation[view.head]
  return [
    // A turn names a generation, of which one pair is committed: nobody asks for a turn on its rival.
    ...tokens
      .filter((token) => !rivals(token))
      .flatMap((token) =>
        everyone.flatMap((holder) =>
          [0, ...turns].map((replaces): Entry => ({
            type: "turn",
            turn: view.lastTurn + 1,
            token,
            holder,
            replaces,
          })),
        ),
      ),
    ...turns.map((turn): Entry => ({ type: "unspent", turn })),
    ...turns.map((turn): Entry => ({ type: "doubt", turn })),
    ...turns.map((turn): Entry => ({ type: "rejected", turn, token: view.head })),
    ...tokens
      .filter((token) => lineages.parent[token] !== 0)
      .map((token): Entry => ({ type: "result", token })),
    ...everyone.map((member): Entry => ({ type: "remove", member })),
    ...everyone.map((member): Entry => ({ type: "vouch", member, token: view.head })),
    ...tokens
      .filter((token) => lineages.parent[token] === 0 && token !== view.head)
      .flatMap((token) => epochs.map((epoch): Entry => ({ type: "login", token, epoch }))),
    ...epochs.map((epoch): Entry => ({ type: "logout", epoch })),
  ]
}

/** Epochs that the token's pair may bear: its own if it is of this login, else one before and one after. */
function epochsOf(entry: Entry, { view, lineages }: Found): readonly number[] {
  if (entry.type !== "turn" && entry.type !== "result") return [view.epoch]
  const current = at(lineages.family, entry.token) === view.family
  return current ? [view.epoch] : [view.epoch - 1, view.epoch + 1]
}

/** Where production and the model part, in words; and how many verdicts were compared. */
function compare(each: Case): { readonly compared: number; readonly different: readonly string[] } {
  const different: string[] = []
  let compared = 0
  for (const found of viewsOf(each)) {
    const { view, lineages } = found
    const production = new Production(each.size.members, each.rules.policy, lineages)
    for (const entry of entriesOf(found, each.size.members)) {
      const after = accept(view, entry, lineages, each.rules)
      for (const epoch of epochsOf(entry, found)) {
        const said = production.fold(view, entry, epoch)
        compared += 1
        // A doubt told twice changes the count of sends, which the model leaves out.
        const changed = after !== view || entry.type === "doubt"
        const same =
          typeof said === "string"
            ? after === view
            : changed && JSON.stringify(comparable(said)) === JSON.stringify(comparable(after))
        if (!same)
          different.push(`${words(entry)} in ${JSON.stringify(view)}: ${JSON.stringify(said)}`)
      }
    }
  }
  return { compared, different }
}

const walk = (
  name: string,
  happens: Case["happens"],
  changes: Partial<Rules> = {},
  size: Size = PAIR,
): Case => ({ name, happens, size, rules: { ...SAFE, ...changes } })

// The model says what the rules must be; `fold` says what they are. They are held together here, entry by entry.
describe("the log accepts what the model accepts", () => {
  test.each([
    walk("strict", { loss: 1, unspent: 1 }, {}, LONG),
    walk("strict, a login and a logout", { login: 1, logout: 1 }),
    walk("strict, a removal", { remove: 1, unspent: 1 }),
    walk("grace with a new pair", { machineCrash: 1, loss: 1 }, { policy: "grace-new" }),
    walk("confirm", { loss: 1 }, { policy: "confirm" }),
    walk("reject, two takeovers", { takeover: 2 }, REJECT, TRIO),
    walk("reject, removal, login and takeover", { remove: 1, login: 1, takeover: 1 }, REJECT),
    walk("idempotent for ever", { takeover: 1 }, { ...REJECT, policy: "idempotent-forever" }),
    walk("multi-use", { takeover: 1, loss: 1 }, { ...REJECT, policy: "multi-use" }),
  ])(
    "$name: every entry in every view has production's verdict and its effect",
    (each) => {
      const { compared, different } = compare(each)

      expect(different).toEqual([])
      expect(compared).toBeGreaterThan(100)
    },
    60_000,
  )

  test("and the comparison notices a rule that production does not have", () => {
    const broken = walk("by generation", { login: 1 }, { accepts: "generation" })

    expect(compare(broken).different).not.toEqual([])
  })
})
