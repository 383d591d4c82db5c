/** Time and chance, as the rooms see them: two clocks, one timer, one source of randomness. */

export interface Clock {
  /** Monotone milliseconds; paces Raft and timers. */
  nowMs(): number
  /** Epoch milliseconds; for lifetimes and for people. May jump. */
  wallMs(): number
  /**
   * Calls `fire` once, not before `atMs` of {@link Clock.nowMs}. Never keeps a process alive by itself.
   *
   * @returns cancels; harmless afterwards.
   */
  timer(atMs: number, fire: () => void): () => void
}
