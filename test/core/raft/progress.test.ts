import { expect, test } from "vitest"
import { acknowledge, isFree, newProgress, refuse } from "../../../src/core/raft/progress.ts"

test("what is acknowledged unasked is not sent again", () => {
  const progress = newProgress(3, 0)

  acknowledge(progress, 5)

  expect(progress).toMatchObject({ match: 5, next: 6, commit: 0, inflight: null })
})

test("an answer to an older message leaves the newer one in flight", () => {
  const progress = newProgress(3, 0)
  progress.inflight = { type: "append", last: 4, commit: 4, holds: true }

  acknowledge(progress, 3)
  const early = { ...progress }
  acknowledge(progress, 4)

  expect(early).toMatchObject({ match: 3, next: 4, commit: 0, inflight: { last: 4 } })
  expect(progress).toMatchObject({ match: 4, next: 5, commit: 4, inflight: null })
})

test("a peer knows of no commit beyond what it holds", () => {
  const progress = newProgress(1, 0)
  progress.inflight = { type: "append", last: 2, commit: 9, holds: true }

  acknowledge(progress, 2)

  expect(progress.commit).toBe(2)
})

test("news alone leaves a peer free, entries and snapshots do not", () => {
  const progress = newProgress(1, 0)
  const states = [
    null,
    { type: "append", last: 0, commit: 0, holds: false },
    { type: "append", last: 1, commit: 0, holds: true },
    { type: "snapshot", index: 1, sentAt: 0 },
  ] as const

  const free = states.map((inflight) => isFree(Object.assign(progress, { inflight })))

  expect(free).toEqual([true, true, false, false])
})

test("a snapshot that arrived has told of the commit that it holds", () => {
  const progress = newProgress(1, 0)
  progress.inflight = { type: "snapshot", index: 5, sentAt: 0 }

  acknowledge(progress, 5)

  expect(progress).toMatchObject({ match: 5, next: 6, commit: 5, inflight: null })
})

test("a refusal from before a snapshot leaves that on its way", () => {
  const progress = newProgress(3, 0)
  progress.inflight = { type: "snapshot", index: 5, sentAt: 0 }

  refuse(progress, 2, 0)

  expect(progress).toMatchObject({ next: 3, inflight: { type: "snapshot", index: 5 } })
})

test("a refusal moves back at least one entry and never to what is known to match", () => {
  const progress = newProgress(9, 0)

  refuse(progress, 8, 8)
  const one = progress.next
  progress.match = 4
  refuse(progress, 7, 1)

  expect([one, progress.next]).toEqual([8, 5])
})
