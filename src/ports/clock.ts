/** Time and chance, as the rooms see them: three clocks, one timer, one source of randomness. */

export interface Clock {
  /** Monotone milliseconds; paces Raft and timers. Whether it runs while the machine sleeps differs from system to system. */
  nowMs(): number
  /** Epoch milliseconds; for people, and where a time must outlive the machine's run. May jump. */
  wallMs(): number
  /**
   * Milliseconds since the machine was started: monotone, runs while it sleeps, the same in all its processes. Lifetimes
   * count by it, since no person and no NTP sets it.
   */
  uptimeMs(): number
  /** Names the run of the machine that {@link Clock.uptimeMs} counts from; null: the system does not tell. */
  bootId(): string | null
  /**
   * Calls `fire` once, not before `atMs` of {@link Clock.nowMs}. Never keeps a process alive by itself.
   *
   * @returns cancels; harmless afterwards.
   */
  timer(atMs: number, fire: () => void): () => void
}
