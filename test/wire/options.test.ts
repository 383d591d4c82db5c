import { expect, test } from "vitest"
import { QuorateError } from "../../src/core/base/errors.ts"
import { parseSessionOptions, type SessionOptions } from "../../src/wire/options.ts"

function refusal(options: unknown): string {
  try {
    parseSessionOptions(options as SessionOptions)
  } catch (error) {
    if (error instanceof QuorateError && error.code === "INVALID_OPTIONS") return error.message
    throw error
  }
  throw new Error("it was not refused")
}

test("a profile alone is enough, and what is not said gets its default", () => {
  expect(parseSessionOptions({ profile: "p/q" })).toEqual({
    profile: "p/q",
    provider: null,
    cluster: { listen: null, members: null },
    lastResort: "resend",
    fallback: "proof",
    name: null,
  })
})

test("an option that is undefined counts as not given", () => {
  const settings = parseSessionOptions({
    profile: "p",
    provider: undefined,
    cluster: { listen: undefined, members: undefined },
    lastResort: undefined,
  })

  expect(settings).toEqual(parseSessionOptions({ profile: "p" }))
})

test("provider options become the settings all members know, the secret apart", () => {
  const { provider } = parseSessionOptions({
    profile: "p",
    provider: {
      issuer: "http://127.0.0.1:4000",
      clientId: "c",
      clientSecret: "s",
      replayPolicy: "grace:30:same",
    },
  })

  expect(provider).toEqual({
    settings: {
      issuer: "http://127.0.0.1:4000",
      tokenEndpoint: null,
      clientId: "c",
      clientAuthentication: "client_secret_basic",
      scope: null,
      replayPolicy: { type: "grace", windowSeconds: 30, answers: "same" },
    },
    clientSecret: "s",
  })
})

test("every problem is named at once, and no value is repeated", () => {
  const message = refusal({
    profile: "",
    provider: {
      issuer: "http://hunter2.example",
      clientId: "",
      clientSecret: 7,
      replayPolicy: "x",
    },
    cluster: { listen: ["hunter2"] },
    lastResort: "hunter2",
    retries: 3,
  })

  for (const field of ["profile", "provider.clientId", "provider.clientSecret", "retries"]) {
    expect(message).toContain(field)
  }
  expect(message).toContain("cluster.listen.0")
  expect(message).toContain("lastResort")
  expect(message).not.toContain("hunter2")
})

test.each([
  ["http://example.com", "loopback"],
  ["http://localhost.example.com", "loopback"],
  ["http://127.0.0.1.example.com", "loopback"],
  ["ftp://127.0.0.1", "https"],
  ["https://user:pass@example.com", "user"],
  ["https://example.com/#x", "fragment"],
  ["https://example.com/?x", "query"],
  ["nonsense", "https"],
])("the issuer %s is refused", (issuer, why) => {
  expect(refusal({ profile: "p", provider: { issuer, clientId: "c" } })).toContain(why)
})

test.each([
  "https://example.com/realms/a",
  "http://localhost:1",
  "http://[::1]:1",
  "http://127.9.9.9",
])("the issuer %s is taken", (issuer) => {
  const settings = parseSessionOptions({ profile: "p", provider: { issuer, clientId: "c" } })

  expect(settings.provider?.settings.issuer).toBe(issuer)
})

test("a provider needs an issuer or a token endpoint, and a policy that exists", () => {
  expect(refusal({ profile: "p", provider: { clientId: "c" } })).toContain("tokenEndpoint")
  expect(
    refusal({
      profile: "p",
      provider: { clientId: "c", issuer: "https://a.example", replayPolicy: "lax" },
    }),
  ).toContain("provider.replayPolicy")
})
