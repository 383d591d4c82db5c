/** Discovery: which documents are asked, what is believed, and what a failure says. */

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, expect, test } from "vitest"
import { QuorateError } from "../../src/core/base/errors.ts"
import { discover, MetadataCache } from "../../src/endpoint/metadata.ts"
import { startAuthorizationServer } from "../../src/testing/authorization-server.ts"

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

interface Documents {
  readonly issuer: string
  readonly asked: string[]
}

/** Serves `document(issuer)` at the paths that `has` accepts. */
async function serving(
  document: (issuer: string) => string,
  has: (path: string) => boolean = () => true,
): Promise<Documents> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? "")
    const found = has(request.url ?? "")
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" })
    response.end(found ? document(issuer) : "{}")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { issuer, asked }
}

async function failure(promise: Promise<unknown>): Promise<QuorateError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(QuorateError)
  return error as QuorateError
}

const plain = (issuer: string): string =>
  JSON.stringify({
    issuer,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/gone`,
  })

test("the real server is discovered", async () => {
  const server = await startAuthorizationServer()
  closers.push(() => server.close())

  expect(await discover(server.issuer)).toMatchObject({
    tokenEndpoint: server.tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint,
  })
})

test("RFC 8414's document is asked first, and OpenID's where there is no other", async () => {
  const both = await serving(plain)
  const openid = await serving(plain, (path) => path.endsWith("openid-configuration"))

  await discover(both.issuer)
  await discover(openid.issuer)

  expect(both.asked).toEqual(["/.well-known/oauth-authorization-server"])
  expect(openid.asked).toEqual([
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
  ])
})

test("an issuer is asked once, also by several at a time, and again after a failure", async () => {
  let up = false
  const { issuer, asked } = await serving(plain, () => up)
  const cache = new MetadataCache()

  await failure(cache.get(issuer))
  up = true
  await Promise.all([cache.get(issuer), cache.get(issuer)])
  await cache.get(issuer)

  expect(asked).toHaveLength(3)
})

test.each([
  [
    "of another issuer",
    () => plain("http://127.0.0.1:1"),
    "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
  ],
  ["without a token endpoint", (issuer: string) => JSON.stringify({ issuer }), "NO_TOKEN_ENDPOINT"],
  [
    "whose token endpoint is not secure",
    (issuer: string) => JSON.stringify({ issuer, token_endpoint: "http://as.example/token" }),
    "NO_TOKEN_ENDPOINT",
  ],
  ["that is no JSON", () => "canary", "OAUTH_PARSE_ERROR"],
  ["that is too large", () => " ".repeat(300_000), "TOO_LARGE"],
])("a document %s is refused, and the error quotes none of it", async (_, document, code) => {
  const { issuer } = await serving(document)

  const error = await failure(discover(issuer))

  expect(error).toMatchObject({ code: "DISCOVERY_FAILED", kind: "retryable" })
  expect(error.cause).toBe(undefined)
  expect(error.message).toBe(`no metadata of "${issuer}" (${code})`)
  expect(error.hint).toContain("--token-endpoint")
})

test("a revocation endpoint that is not secure is left out", async () => {
  const { issuer } = await serving((at) =>
    JSON.stringify({
      issuer: at,
      token_endpoint: `${at}/token`,
      revocation_endpoint: "http://as.example/r",
    }),
  )

  expect((await discover(issuer)).revocationEndpoint).toBe(null)
})

test.each(["http://as.example", "nothing", "ftp://127.0.0.1"])(
  "%s is no issuer",
  async (issuer) => {
    const error = await failure(discover(issuer))

    expect(error.message).toContain("INSECURE_URL")
    expect(error.hint).toContain("https:")
  },
)

test("a server that refuses connections, and one that does not answer, are named by a code", async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
  const issuer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`

  const late = await failure(discover(issuer, { timeoutMs: 40 }))
  silent.closeAllConnections()
  await new Promise((resolve) => silent.close(resolve))
  const refused = await failure(discover(issuer))

  expect(late.message).toContain("(TIMEOUT)")
  expect(refused.message).toContain("(ECONNREFUSED)")
})
