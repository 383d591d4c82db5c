/**
 * What is told, and what was claimed. Decides when a claim holds and how a failed one is put into words; where the words
 * go is the screen's business.
 */

export interface Claim {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

/** Everything is told through one of these. */
export interface Screen {
  scene(title: string): void
  line(text: string): void
  claim(claim: Claim): void
  /** The last words; nothing is drawn after them. */
  end(claims: readonly Claim[], verdict: string, ok: boolean): void
}

export interface Expectation {
  readonly expected: string
  /** Looked at until it holds or the time is up. */
  readonly holds: () => boolean
  /** What there was to see, for the detail, once it holds or time is up. */
  readonly seen: () => string
  /** @defaultValue 0: now or never */
  readonly withinMs?: number | undefined
}

/** A claim did not hold: the story ends, its remaining scenes would build on sand. */
export class ClaimFailedError extends Error {}

export class Story {
  readonly #screen: Screen
  readonly #signal: AbortSignal
  readonly #claims: Claim[] = []
  readonly #looks = new Set<() => void>()
  #waitingFor = "the members to start"

  /** @param signal ends every wait with its reason. */
  constructor(screen: Screen, signal: AbortSignal) {
    this.#screen = screen
    this.#signal = signal
  }

  get claims(): readonly Claim[] {
    return this.#claims
  }

  /** What a run that hangs was waiting for. */
  get waitingFor(): string {
    return this.#waitingFor
  }

  scene(title: string): void {
    this.#screen.scene(title)
  }

  tell(text: string): void {
    this.#screen.line(text)
  }

  /** Something changed: whoever waits looks again. */
  changed(): void {
    for (const look of this.#looks) look()
  }

  /** Waits for something to do that may never end; names it for the case that it does not. */
  async doing<T>(what: string, work: Promise<T>): Promise<T> {
    this.#waitingFor = what
    return Promise.race([work, aborted(this.#signal)])
  }

  /** Resolves with the time it took, in ms. @throws Error when the time is up first. */
  async until(what: string, holds: () => boolean, withinMs: number): Promise<number> {
    const startedAt = performance.now()
    if (await this.#wait(what, holds, withinMs)) return Math.round(performance.now() - startedAt)
    throw new Error(`waited ${withinMs / 1_000} s for ${what}`)
  }

  /** Checks one claim and tells it. @throws ClaimFailedError when it does not hold in time. */
  async claim(name: string, expectation: Expectation): Promise<void> {
    const { expected, holds, seen, withinMs = 0 } = expectation
    const ok = await this.#wait(name, holds, withinMs)
    this.record({ name, ok, detail: ok ? seen() : `expected ${expected}; saw ${seen()}` })
    if (!ok) throw new ClaimFailedError(name)
  }

  /** A claim on which nothing else is built: true now, or recorded as false. Also after a run was broken off. */
  check(name: string, { expected, holds, seen }: Omit<Expectation, "withinMs">): void {
    const ok = holds()
    this.record({ name, ok, detail: ok ? seen() : `expected ${expected}; saw ${seen()}` })
  }

  record(claim: Claim): void {
    this.#claims.push(claim)
    this.#screen.claim(claim)
  }

  async #wait(what: string, holds: () => boolean, withinMs: number): Promise<boolean> {
    this.#waitingFor = what
    this.#signal.throwIfAborted()
    if (holds()) return true
    if (withinMs === 0) return false
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        this.#looks.delete(look)
        clearTimeout(deadline)
        clearInterval(often)
        this.#signal.removeEventListener("abort", onAbort)
      }
      const onAbort = (): void => (finish(), reject(reasonOf(this.#signal)))
      const look = (): void => {
        if (!holds()) return
        finish()
        resolve(true)
      }
      const deadline = setTimeout(() => (finish(), resolve(holds())), withinMs)
      // Not everything that is waited for tells of itself: journals and counters are asked.
      const often = setInterval(look, 10)
      this.#looks.add(look)
      this.#signal.addEventListener("abort", onAbort, { once: true })
    })
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(reasonOf(signal))
    else signal.addEventListener("abort", () => reject(reasonOf(signal)), { once: true })
  })
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("stopped")
}
