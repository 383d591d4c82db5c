/** Runs many seeds on several threads. Decides who runs which seed and when to stop; a seed's story is src/testing/swarm.ts. */

import { once } from "node:events"
import { Worker } from "node:worker_threads"

import type { SwarmReport } from "../../src/testing/swarm.ts"
import { type Coverage, covered, nothing } from "./coverage.ts"

export interface PoolOptions {
  readonly from: number
  /** At most this many. */
  readonly seeds: number
  /** Enough when so many of them count. @defaultValue all are run */
  readonly counting?: number | undefined
  readonly workers: number
  /** No seed is begun after this many milliseconds. @defaultValue Infinity */
  readonly forMs?: number | undefined
  readonly progress?: ((coverage: Coverage) => void) | undefined
}

export interface PoolResult {
  readonly coverage: Coverage
  /** Stories that broke a rule, by seed. The first one ends the run. */
  readonly violations: readonly Violation[]
}

export interface Violation {
  readonly seed: number
  readonly violations: readonly string[]
  readonly trace: readonly string[]
}

/** A story that could not be told to its end. */
interface Broken extends Violation {
  readonly broken: true
}

export async function runSeeds(options: PoolOptions): Promise<PoolResult> {
  const pool = new Pool(options)
  const threads = Array.from({ length: options.workers }, () => pool.thread())
  await Promise.all(threads)
  const violations = pool.violations.toSorted((a, b) => a.seed - b.seed)
  return { coverage: pool.coverage, violations }
}

class Pool {
  coverage: Coverage = nothing()
  readonly violations: Violation[] = []
  readonly #options: PoolOptions
  readonly #startedMs = performance.now()
  #next: number

  constructor(options: PoolOptions) {
    this.#options = options
    this.#next = options.from
  }

  async thread(): Promise<void> {
    const worker = new Worker(new URL("worker.ts", import.meta.url))
    try {
      const failed = once(worker, "error").then(([error]) => Promise.reject(error as Error))
      await Promise.race([this.#feed(worker), failed])
    } finally {
      await worker.terminate()
    }
  }

  #feed(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      const more = (): void => {
        const seed = this.#take()
        if (seed === null) resolve()
        else worker.postMessage(seed)
      }
      worker.on("message", (report: SwarmReport | Broken) => {
        if (report.violations.length > 0) this.violations.push(report)
        if (!("broken" in report)) this.coverage = covered(this.coverage, report)
        this.#options.progress?.(this.coverage)
        more()
      })
      more()
    })
  }

  /** Null: no more. A seed is begun after all before it, so the first violation of a run does not depend on its threads. */
  #take(): number | null {
    const { from, seeds, counting = Infinity, forMs = Infinity } = this.#options
    const late = performance.now() - this.#startedMs > forMs
    const enough = this.violations.length > 0 || this.coverage.counting >= counting
    if (late || enough || this.#next >= from + seeds) return null
    return this.#next++
  }
}
