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
    key: null,
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

test("every problem is named at once, also beside a value of the wrong type, and no value is repeated", () => {
  const message = refusal({
    profile: "",
    provider: {
      issuer: "http://hunter2@hunter2.example/?hunter2#hunter2",
      tokenEndpoint: "https://hunter2.example/token#",
      clientId: "",
      clientSecret: 7,
      clientAuthentication: "none",
      scope: "hunter2  hunter2",
      replayPolicy: "grace:0",
      hunter: 2,
    },
    cluster: { listen: ["hunter2"] },
    lastResort: "hunter2",
    retries: 3,
  })

  for (const problem of [
    "profile: ",
    "provider.issuer: must be an https URL; http is for loopback only",
    "provider.issuer: must not name a user",
    "provider.issuer: must not have a fragment",
    "provider.issuer: must not have a query",
    "provider.tokenEndpoint: must not have a fragment",
    "provider.tokenEndpoint: is https and provider.issuer is http",
    "provider.clientId: ",
    "provider.clientSecret: ",
    "provider.clientAuthentication: is none",
    "provider.scope: must be words",
    "provider.replayPolicy: the grace window must be",
    'provider: unknown: "hunter"',
    "cluster.listen.0: ",
    "lastResort: ",
    'unknown: "retries"',
  ]) {
    expect(message).toContain(problem)
  }
  expect(message).not.toContain("hunter2")
})

// Each with all else right, so that nothing else is to blame, and with the name of its field.
test.each([
  ["issuer", { issuer: undefined }, "is missing; give it or provider.tokenEndpoint"],
  ["issuer", { issuer: 7 }, "expected string"],
  ["issuer", { issuer: `https://as.example/${"x".repeat(3_000)}` }, "must not be longer"],
  ["issuer", { issuer: " https://as.example" }, "without spaces"],
  ["issuer", { issuer: "https://as.exam\nple" }, "without spaces"],
  [
    "issuer",
    { issuer: "https://as.example/.well-known/openid-configuration" },
    "the issuer itself",
  ],
  ["tokenEndpoint", { tokenEndpoint: "token" }, "https"],
  ["tokenEndpoint", { tokenEndpoint: "http://127.0.0.1/token" }, "both must be the same"],
  ["clientId", { clientId: undefined }, "expected string"],
  ["clientId", { clientId: " " }, "blank"],
  ["clientId", { clientId: "c\n" }, "line breaks"],
  ["clientSecret", { clientSecret: "" }, ">=1"],
  ["clientSecret", { clientSecret: "s\n" }, "line breaks"],
  ["clientSecret", { clientAuthentication: "client_secret_post" }, "is missing"],
  ["clientAuthentication", { clientAuthentication: "none", clientSecret: "s" }, "clientSecret"],
  ["clientAuthentication", { clientAuthentication: "private_key_jwt" }, "client_secret_post"],
  ["scope", { scope: "" }, "leave it out"],
  ["scope", { scope: "a\tb" }, "one space"],
  ["scope", { scope: 'a "b"' }, "one space"],
  ["replayPolicy", { replayPolicy: "lax" }, "grace:SECONDS"],
  ["replayPolicy", { replayPolicy: "grace" }, "grace:SECONDS"],
  ["replayPolicy", { replayPolicy: "grace:99999999" }, "whole number of seconds"],
  ["replayPolicy", { replayPolicy: "strict:30" }, "grace:SECONDS"],
])("a provider with a wrong %s is refused: %j", (field, change, why) => {
  const provider = { issuer: "https://as.example", clientId: "c", ...change }

  const message = refusal({ profile: "p", provider })

  expect(message.replace("the options are wrong: ", "")).toMatch(new RegExp(`^provider.${field}: `))
  expect(message).toContain(why)
  expect(message).not.toContain("; provider.")
})

test("a confidential client may send its secret in the body", () => {
  const { provider } = parseSessionOptions({
    profile: "p",
    provider: {
      tokenEndpoint: "https://as.example/token?tenant=1",
      clientId: "c",
      clientSecret: "s p",
      clientAuthentication: "client_secret_post",
      scope: "openid a:b/c.read",
    },
  })

  expect(provider?.settings).toMatchObject({
    clientAuthentication: "client_secret_post",
    tokenEndpoint: "https://as.example/token?tenant=1",
    scope: "openid a:b/c.read",
  })
})

test.each([
  ["http://example.com", "loopback"],
  ["http://localhost.example.com", "loopback"],
  ["http://as.localhost", "loopback"],
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
