/** What an acceptance suite needs of a test runner. Vitest and Jest fit as they are; `node:test` with a few lines. */

/** Registers tests and compares values. */
export interface TestRunner {
  readonly test: (title: string, body: () => void | Promise<void>) => void
  readonly expect: (value: unknown) => Expectation
}

/** `toBe` compares by identity, `toEqual` by content. */
export interface Expectation {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
}

/** The `code` of what `work` throws, its `name` when it has none, or null when it returns. */
export function thrownBy(work: () => unknown): string | null {
  try {
    work()
    return null
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return "code" in error ? String(error.code) : error.name
  }
}
