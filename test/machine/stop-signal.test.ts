import { expect, onTestFinished, test } from "vitest"

import { beforeStop } from "../../src/machine/stop-signal.ts"

test("where the application handles the signal itself it is not stopped by us, and all are told before and after", async () => {
  const said: string[] = []
  const own = (): void => void said.push("application")
  process.on("SIGTSTP", own)
  onTestFinished(() => void process.off("SIGTSTP", own))
  const resumed = new Promise<void>((resolve) => {
    for (const name of ["one", "two"]) {
      beforeStop({
        stop: async () => {
          await new Promise(setImmediate)
          said.push(`${name} stops`)
        },
        resume: () => {
          said.push(`${name} goes on`)
          if (name === "two") resolve()
        },
      })
    }
  })

  process.emit("SIGTSTP")
  process.emit("SIGTSTP")
  await resumed

  expect(said).toEqual([
    "application",
    "application",
    "one stops",
    "two stops",
    "one goes on",
    "two goes on",
  ])
  expect(process.listeners("SIGTSTP")).toEqual([own])
})

test("who is told no more leaves the signal as it was", () => {
  const before = process.listenerCount("SIGTSTP")
  const watchers = [1, 2].map(() => beforeStop({ stop: async () => {}, resume: () => {} }))

  expect(process.listenerCount("SIGTSTP")).toBe(before + 1)
  for (const end of watchers) end()
  expect(process.listenerCount("SIGTSTP")).toBe(before)
})
