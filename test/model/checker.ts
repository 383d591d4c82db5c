/**
 * The checker: breadth first over every state that the steps can reach, hence shortest counterexamples first. States with
 * the same key are one state. Decides nothing about the protocol; it only counts, compares and remembers the way.
 */

export interface Step<S> {
  readonly label: string
  /** Faults and people are not owed to anybody: a good end must be reachable without them. */
  readonly fault: boolean
  readonly to: S
}

export interface Model<S> {
  readonly start: S
  readonly next: (state: S) => readonly Step<S>[]
  /** Equal keys: the same state, or one that differs only by the names of its members. */
  readonly key: (state: S) => string
  /** What must hold in every state, by short name. */
  readonly invariants: Readonly<Record<string, (state: S) => boolean>>
  /** An end that is owed: from every state one of these must be reachable by steps that are not faults. */
  readonly good: (state: S) => boolean
  /** What a run must have seen at least once; otherwise it proves nothing. */
  readonly sights: Readonly<Record<string, (state: S) => boolean>>
}

export interface Limits {
  readonly states: number
  /** Stops as soon as this invariant is broken; null: looks at everything. `S3` is known only at the end. */
  readonly until: string | null
  /** Called now and then with the number of states. */
  readonly progress?: (states: number) => void
}

export interface Report {
  readonly states: number
  readonly depth: number
  /** False: the limit was reached or the search stopped early; what was not found is then not disproved. */
  readonly complete: boolean
  /** The shortest counterexample of each broken invariant, as labels of steps. */
  readonly broken: Readonly<Record<string, readonly string[]>>
  readonly seen: readonly string[]
}

/** From some state no good end can be reached any more. */
export const CONVERGENCE = "S3"

/** A growing list of 32-bit integers. */
class Integers {
  #cells = new Int32Array(1 << 14)
  length = 0

  push(value: number): void {
    if (this.length === this.#cells.length) {
      const larger = new Int32Array(this.length * 2)
      larger.set(this.#cells)
      this.#cells = larger
    }
    this.#cells[this.length++] = value
  }

  get(at: number): number {
    return this.#cells[at] as number
  }
}

export function check<S>(model: Model<S>, limits: Limits): Report {
  return new Search(model, limits).run()
}

class Search<S> {
  readonly #model: Model<S>
  readonly #limits: Limits
  readonly #ids = new Map<string, number>()
  /** States that are not expanded yet; freed afterwards. */
  readonly #open: (S | null)[] = []
  readonly #parent = new Integers()
  readonly #depth = new Integers()
  readonly #via: string[] = []
  readonly #from = new Integers()
  readonly #to = new Integers()
  readonly #good = new Integers()
  readonly #broken = new Map<string, number>()
  readonly #seen = new Set<string>()

  constructor(model: Model<S>, limits: Limits) {
    this.#model = model
    this.#limits = limits
  }

  run(): Report {
    const { states, until, progress } = this.#limits
    this.#add(this.#model.start, -1, "")
    let complete = true
    for (let id = 0; id < this.#open.length; id++) {
      if (this.#open.length > states || (until !== null && this.#broken.has(until))) {
        complete = false
        break
      }
      if (id % 20_000 === 19_999) progress?.(this.#open.length)
      this.#expand(id)
    }
    if (complete) {
      const stuck = this.#firstStuck()
      if (stuck !== null) this.#broken.set(CONVERGENCE, stuck)
    }
    return {
      states: this.#open.length,
      depth: this.#depth.get(this.#depth.length - 1),
      complete,
      broken: Object.fromEntries([...this.#broken].map(([name, id]) => [name, this.#way(id)])),
      seen: [...this.#seen],
    }
  }

  #expand(id: number): void {
    const state = this.#open[id] as S
    this.#open[id] = null
    for (const { to, label, fault } of this.#model.next(state)) {
      const target = this.#add(to, id, label)
      if (fault) continue
      this.#from.push(id)
      this.#to.push(target)
    }
  }

  #add(state: S, parent: number, label: string): number {
    const { key, good, invariants, sights } = this.#model
    const name = key(state)
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.#open.length
    this.#ids.set(name, id)
    this.#open.push(state)
    this.#parent.push(parent)
    this.#depth.push(parent < 0 ? 0 : this.#depth.get(parent) + 1)
    this.#via.push(label)
    if (good(state)) this.#good.push(id)
    for (const invariant in invariants) {
      if (!this.#broken.has(invariant) && invariants[invariant]?.(state) === false) {
        this.#broken.set(invariant, id)
      }
    }
    for (const sight in sights) {
      if (!this.#seen.has(sight) && sights[sight]?.(state) === true) this.#seen.add(sight)
    }
    return id
  }

  #way(id: number): readonly string[] {
    const labels: string[] = []
    for (let at = id; at > 0; at = this.#parent.get(at)) labels.push(this.#via[at] ?? "")
    return labels.toReversed()
  }

  /** Walks back from all good ends; what is not met on the way is stuck. */
  #firstStuck(): number | null {
    const count = this.#open.length
    const edges = this.#from.length
    const starts = new Int32Array(count + 1)
    for (let edge = 0; edge < edges; edge++) (starts[this.#to.get(edge) + 1] as number)++
    for (let id = 0; id < count; id++) (starts[id + 1] as number) += starts[id] as number
    const fill = starts.slice()
    const sources = new Int32Array(edges)
    for (let edge = 0; edge < edges; edge++) {
      sources[(fill[this.#to.get(edge)] as number)++] = this.#from.get(edge)
    }
    const met = new Uint8Array(count)
    const queue: number[] = []
    const meet = (id: number): void => {
      if (met[id] === 1) return
      met[id] = 1
      queue.push(id)
    }
    for (let each = 0; each < this.#good.length; each++) meet(this.#good.get(each))
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const end = starts[id + 1] as number
      for (let edge = starts[id] as number; edge < end; edge++) meet(sources[edge] as number)
    }
    const first = met.indexOf(0)
    return first < 0 ? null : first
  }
}
