/**
 * What every implementation of the port `MachineLock` must do within one process. That the operating system frees it
 * from a dead process, and from no sleeping one, is tested with real processes.
 */

import type { MachineLock } from "../../ports/machine-lock.ts"
import { type TestRunner, thrownBy } from "./runner.ts"

/** One lock under test. */
export interface MachineLockSubject {
  /** Another handle of the same lock. */
  open(): MachineLock
  /** Closes and removes everything. */
  destroy(): void
}

/** Registers the suite. `make` gives a lock that nobody holds. */
export function machineLockSuite(runner: TestRunner, make: () => MachineLockSubject): void {
  const rule = (title: string, body: (open: () => MachineLock) => void): void =>
    runner.test(title, () => {
      const subject = make()
      try {
        body(() => subject.open())
      } finally {
        subject.destroy()
      }
    })

  holdRules(runner, rule)
  closeRules(runner, rule)
}

type Rule = (title: string, body: (open: () => MachineLock) => void) => void

function holdRules({ expect }: TestRunner, rule: Rule): void {
  rule("one handle holds the lock, a second one does not wait", (open) => {
    const [first, second] = [open(), open()]

    expect(first.tryAcquire()).toBe(true)
    expect(second.tryAcquire()).toBe(false)
  })

  rule("who holds the lock acquires it again without effect", (open) => {
    const [first, second] = [open(), open()]
    first.tryAcquire()

    expect(first.tryAcquire()).toBe(true)
    first.release()
    expect(second.tryAcquire()).toBe(true)
  })

  rule("a released lock is free, and its former holder may have it again", (open) => {
    const [first, second] = [open(), open()]
    first.tryAcquire()
    first.release()

    expect(second.tryAcquire()).toBe(true)
    expect(first.tryAcquire()).toBe(false)
    second.release()
    expect(first.tryAcquire()).toBe(true)
  })

  rule("releasing a lock that another handle holds is harmless", (open) => {
    const [first, second, third] = [open(), open(), open()]
    first.tryAcquire()
    second.tryAcquire()
    second.release()
    second.close()

    expect(third.tryAcquire()).toBe(false)
  })
}

function closeRules({ expect }: TestRunner, rule: Rule): void {
  rule("opening and closing further handles does not free the lock", (open) => {
    const first = open()
    first.tryAcquire()
    for (let i = 0; i < 3; i += 1) {
      const other = open()
      other.tryAcquire()
      other.close()
    }

    expect(open().tryAcquire()).toBe(false)
  })

  rule("closing frees the lock, and a closed handle acquires nothing", (open) => {
    const [first, second] = [open(), open()]
    first.tryAcquire()
    first.close()
    first.close()

    expect(second.tryAcquire()).toBe(true)
    expect(thrownBy(() => first.tryAcquire())).toBe("CLOSED")
  })
}
