/**
 * The names that one run uses, in the model's numbers: refresh tokens by name and lineage, turns by index and proposal,
 * members by id. Learns as the run goes on; decides nothing.
 */

import type { LogEntry } from "../../src/core/refresh/types.ts"
import { nodeCrypto } from "../../src/seal/crypto.ts"
import { CLUSTER } from "../../src/testing/world.ts"
import type { Entry, Token } from "./log.ts"

/** What nobody has a number for: no step of the model has it either. */
const UNKNOWN = -1

export class Dictionary {
  readonly #members: readonly string[]
  readonly #tokens = new Map<string, Token>()
  /** Lineage to name. */
  readonly #names = new Map<string, string>()
  /** `epoch.generation` of each committed pair. */
  readonly #heads = new Map<string, Token>()
  /** By index: the model's number of a committed turn, and the token it spends. */
  readonly #turns = new Map<number, { readonly turn: number; readonly token: Token }>()
  /** By id of the proposal: the model's number of a turn. */
  readonly #asked = new Map<string, number>()

  /** @param members - ids in their order of the genesis. */
  constructor(members: readonly string[]) {
    this.#members = members
  }

  /** A token exists; the model may not know it yet. */
  mint(name: string): void {
    this.#names.set(nodeCrypto.lineage(CLUSTER, name), name)
  }

  knows(name: string): boolean {
    return this.#tokens.has(name)
  }

  learn(name: string, token: Token): void {
    this.mint(name)
    this.#tokens.set(name, token)
  }

  token(name: string): Token {
    return this.#tokens.get(name) ?? UNKNOWN
  }

  nameOf(lineage: string): string {
    return this.#names.get(lineage) ?? ""
  }

  turn(index: number): number {
    return this.#turns.get(index)?.turn ?? UNKNOWN
  }

  /** A proposal asks for this turn. */
  asks(id: string, turn: number): void {
    this.#asked.set(id, turn)
  }

  /** An entry took effect. */
  commit(index: number, entry: LogEntry, named: Entry): void {
    if (named.type === "turn") this.#turns.set(index, named)
    if (entry.type !== "result" && entry.type !== "login") return
    const { epoch, generation, lineage } = entry.pair
    this.#heads.set(`${epoch}.${generation}`, this.token(this.nameOf(lineage)))
  }

  /** The entry in the model's words; null: it has none for it. */
  entry(entry: LogEntry, id: string): Entry | null {
    switch (entry.type) {
      case "provider":
      case "keys":
        return null
      case "turn":
        return {
          type: "turn",
          turn: this.#asked.get(id) ?? 0,
          token: this.#heads.get(`${entry.epoch}.${entry.generation}`) ?? UNKNOWN,
          holder: this.#members.indexOf(entry.holder),
          replaces: entry.replaces === null ? 0 : this.turn(entry.replaces),
        }
      case "report": {
        const turn = this.turn(entry.turn)
        const token = this.#turns.get(entry.turn)?.token ?? UNKNOWN
        if (entry.report.type === "in-doubt") return { type: "doubt", turn }
        if (entry.report.type === "rejected") return { type: "rejected", turn, token }
        return { type: "unspent", turn }
      }
      case "result":
        return { type: "result", token: this.token(this.nameOf(entry.pair.lineage)) }
      case "login": {
        const { epoch, lineage } = entry.pair
        return { type: "login", token: this.token(this.nameOf(lineage)), epoch: epoch - 1 }
      }
      case "logout":
        return { type: "logout", epoch: entry.epoch }
      case "vouch":
        return {
          type: "vouch",
          member: this.#members.indexOf(entry.member),
          token: this.#heads.get(`${entry.epoch}.${entry.generation}`) ?? UNKNOWN,
        }
      case "remove":
        return { type: "remove", member: this.#members.indexOf(entry.member) }
      default:
        return entry satisfies never
    }
  }
}
