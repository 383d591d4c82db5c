import { expect, test } from "vitest"

import { exitCodeOf, Interrupted } from "../../src/cli/exit.ts"
import { failureOf, framesOf } from "../../src/cli/failure.ts"
import { failureText } from "../../src/cli/output.ts"
import { type ErrorKind, PendingRefreshError, QuorateError } from "../../src/core/base/errors.ts"

test("each kind of error has its own exit code", () => {
  const codes: Readonly<Record<ErrorKind, number>> = {
    internal: 1,
    usage: 2,
    login: 3,
    retryable: 4,
    store: 5,
    refused: 6,
  }
  for (const [kind, code] of Object.entries(codes)) {
    expect(exitCodeOf(new QuorateError("INTERNAL", kind as ErrorKind, "x"))).toBe(code)
  }
  expect(exitCodeOf(new PendingRefreshError())).toBe(4)
  expect(exitCodeOf(new Interrupted("SIGINT"))).toBe(130)
  expect(exitCodeOf(new Interrupted("SIGTERM"))).toBe(143)
  expect(exitCodeOf(new TypeError("x"))).toBe(1)
  expect(exitCodeOf(undefined)).toBe(1)
})

test("a failure always has a code, a message and a hint or null", () => {
  const hinted = new QuorateError("LOGIN_REQUIRED", "login", "a login is needed", {
    hint: "log in",
  })
  const bare = new QuorateError("TIMEOUT", "retryable", "too late")

  expect(failureOf(hinted)).toEqual({
    code: "LOGIN_REQUIRED",
    message: "a login is needed",
    hint: "log in",
  })
  expect(failureOf(bare)).toEqual({ code: "TIMEOUT", message: "too late", hint: null })
  expect(failureOf(new Interrupted("SIGINT"))).toMatchObject({ code: "INTERRUPTED", hint: null })
  expect(failureText(failureOf(hinted))).toBe("quorate: a login is needed\nhint: log in\n")
  expect(failureText(failureOf(bare))).toBe("quorate: too late\n")
})

// JSON.parse quotes what it could not read, and that may be a token.
test("of an unexpected error neither the text nor its first lines are told", () => {
  let error: unknown
  try {
    JSON.parse('canary-token"')
  } catch (caught) {
    error = caught
  }

  const told = `${JSON.stringify(failureOf(error))}${framesOf(error)}`

  expect(told).toContain("SyntaxError")
  expect(told).toContain("    at ")
  expect(told).not.toContain("canary")
})
