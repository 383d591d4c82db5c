/** A lock of the operating system: freed by it when the process dies, stolen by nobody while the process only sleeps. */
export interface MachineLock {
  /** Does not wait. False: another process (or another handle) holds it. */
  tryAcquire(): boolean
  /** Harmless when not held. */
  release(): void
  close(): void
}
