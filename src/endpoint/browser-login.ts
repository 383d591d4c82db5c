/**
 * A login in the browser of this machine (RFC 8252): the authorization code comes back to a server on the loopback address
 * that takes one answer and is gone. Decides what counts as the answer; PKCE, `state` and `iss` are oauth4webapi's.
 */

import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import {
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  processAuthorizationCodeResponse,
  validateAuthResponse,
} from "oauth4webapi"
import { QuorateError } from "../core/base/errors.ts"
import { type LoginResponse, type LoginServer, responseOf, safeEndpoint, step } from "./login.ts"

/** The address and not the name, which may lead elsewhere (RFC 8252 §8.3). */
const HOST = "127.0.0.1"
const PATH = "/callback"
const PATIENCE_MS = 300_000

/**
 * Shows a URL and waits until a person has been there.
 *
 * @throws QuorateError `DECLINED`, `TIMEOUT` after five minutes, `LOGIN_FAILED`; the signal's reason.
 */
export async function browserLogin(
  at: LoginServer,
  show: (url: string) => void,
): Promise<LoginResponse> {
  const { authentication, client, request, server } = at
  const { signal } = request
  const endpoint = safeEndpoint(server.authorization_endpoint, "authorization endpoint")
  const verifier = generateRandomCodeVerifier()
  const state = generateRandomState()
  const desk = createServer()
  try {
    const redirectUri = await listen(desk)
    show(await authorizationUrl(endpoint, at, { redirectUri, state, verifier }))
    const given = await answerTo(desk, redirectUri, state, signal)
    return await step(signal, async () => {
      const checked = validateAuthResponse(server, client, given, state)
      const issuedAtMs = Date.now()
      const answer = await authorizationCodeGrantRequest(
        server,
        client,
        authentication,
        checked,
        redirectUri,
        verifier,
        request,
      )
      return responseOf(await processAuthorizationCodeResponse(server, client, answer), issuedAtMs)
    })
  } finally {
    desk.close()
    desk.closeAllConnections()
  }
}

interface Asked {
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
}

async function authorizationUrl(
  endpoint: string,
  { client, scope }: LoginServer,
  { redirectUri, state, verifier }: Asked,
): Promise<string> {
  const url = new URL(endpoint)
  const asked = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: redirectUri,
    state,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(scope === null ? {} : { scope }),
    // Without it the scope is to be ignored (OpenID Connect Core §11).
    ...(scope?.split(" ").includes("offline_access") === true ? { prompt: "consent" } : {}),
  }
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
  return url.href
}

async function listen(desk: Server): Promise<string> {
  desk.listen(0, HOST)
  await once(desk, "listening")
  return `http://${HOST}:${(desk.address() as AddressInfo).port}${PATH}`
}

/** The first answer that knows our `state`; everybody else on this machine may knock, and changes nothing. */
async function answerTo(
  desk: Server,
  redirectUri: string,
  state: string,
  signal: AbortSignal,
): Promise<URL> {
  const late = AbortSignal.timeout(PATIENCE_MS)
  const answered = new Promise<URL>((resolve) => {
    desk.on("request", (request, response) => {
      const url = callbackOf(request, redirectUri, state)
      if (url === null) return say(response, 404, "Nothing is here.")
      say(response, 200, "Done here. Close this page and go back to the terminal.")
      // The page first: the server is gone when the answer was taken.
      response.once("close", () => resolve(url))
    })
  })
  const ended = once(AbortSignal.any([signal, late]), "abort")
  const url = await Promise.race([answered, ended.then(() => null)])
  if (url !== null) return url
  signal.throwIfAborted()
  throw tooLate()
}

/** Null: not what we wait for. A page of somebody else cannot name the `Host` (DNS rebinding). */
function callbackOf(
  { headers, method, url }: IncomingMessage,
  redirectUri: string,
  state: string,
): URL | null {
  const expected = new URL(redirectUri)
  const given = URL.parse(url ?? "", redirectUri)
  if (method !== "GET" || given === null || headers.host !== expected.host) return null
  if (given.host !== expected.host || given.pathname !== PATH) return null
  return given.searchParams.get("state") === state ? given : null
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  })
  response.end(`${text}\n`)
}

function tooLate(): QuorateError {
  const message = `nobody logged in within ${PATIENCE_MS / 60_000} min`
  return new QuorateError("TIMEOUT", "retryable", message, { hint: "log in again" })
}
