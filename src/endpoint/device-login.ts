/**
 * A login on another device (RFC 8628): a code is shown, a person types it in wherever they have a browser, and the token
 * endpoint is asked until they have. Decides how often it is asked; the codes' lifetime is the server's.
 */

import { setTimeout as sleep } from "node:timers/promises"
import {
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  type DeviceAuthorizationResponse,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
  type TokenEndpointResponse,
} from "oauth4webapi"
import { QuorateError } from "../core/base/errors.ts"
import {
  isAnswer,
  type LoginResponse,
  type LoginServer,
  responseOf,
  safeEndpoint,
  step,
  wordOf,
} from "./login.ts"

/** What a person needs to know. */
export interface DeviceCode {
  readonly userCode: string
  readonly url: string
  /** With the code in it; null: the server has none. */
  readonly completeUrl: string | null
  readonly expiresInSeconds: number
}

/** RFC 8628 §3.2 and §3.5. */
const INTERVAL_SECONDS = 5
const SLOWER_SECONDS = 5

/** @throws QuorateError `DECLINED`, `TIMEOUT`, `LOGIN_FAILED`; the signal's reason. */
export async function deviceLogin(
  at: LoginServer,
  show: (code: DeviceCode) => void,
): Promise<LoginResponse> {
  const { authentication, client, request, scope, server } = at
  const { signal } = request
  safeEndpoint(server.device_authorization_endpoint, "device authorization endpoint")
  const code = await step(signal, async () => {
    const asked: Record<string, string> = scope === null ? {} : { scope }
    const answer = await deviceAuthorizationRequest(server, client, authentication, asked, request)
    return processDeviceAuthorizationResponse(server, client, answer)
  })
  show({
    userCode: code.user_code,
    url: code.verification_uri,
    completeUrl: code.verification_uri_complete ?? null,
    expiresInSeconds: code.expires_in,
  })
  return poll(at, code)
}

async function poll(at: LoginServer, code: DeviceAuthorizationResponse): Promise<LoginResponse> {
  const { signal } = at.request
  const endsAtMs = performance.now() + code.expires_in * 1_000
  let seconds = code.interval ?? INTERVAL_SECONDS
  while (performance.now() < endsAtMs) {
    await step(signal, () => sleep(seconds * 1_000, undefined, { signal }))
    const issuedAtMs = Date.now()
    const answer = await step(signal, () => ask(at, code.device_code))
    if (typeof answer !== "string") return responseOf(answer, issuedAtMs)
    // A connection that failed is a reason to ask less often, too.
    if (answer !== "authorization_pending") seconds += SLOWER_SECONDS
  }
  throw new QuorateError("TIMEOUT", "retryable", "the code was not used in time", {
    hint: "log in again",
  })
}

/** The tokens, or why to ask again. */
async function ask(at: LoginServer, deviceCode: string): Promise<TokenEndpointResponse | string> {
  const { authentication, client, request, server } = at
  let answer: Response
  try {
    answer = await deviceCodeGrantRequest(server, client, authentication, deviceCode, request)
  } catch (error) {
    request.signal.throwIfAborted()
    return wordOf(error)
  }
  try {
    return await processDeviceCodeResponse(server, client, answer)
  } catch (error) {
    const word = isAnswer(error) ? wordOf(error) : null
    if (word === "authorization_pending" || word === "slow_down") return word
    throw error
  }
}
