/** `fetch` with the access token. Decides when a request is sent again: once, on 401, when its body can be read twice. */

import type { GetTokenOptions, Token } from "./types.ts"

type GetToken = (options: GetTokenOptions) => Promise<Token>

/** The caller's signal ends the wait for a token and the request, never a refresh under way. */
export async function fetchWith(
  getToken: GetToken,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const signal = init.signal ?? (input instanceof Request ? input.signal : undefined)
  const wait = signal === undefined ? {} : { signal }
  const again = canSendAgain(input, init)
  const token = await getToken(wait)
  const response = await send(
    again && input instanceof Request ? input.clone() : input,
    init,
    token,
  )
  if (response.status !== 401 || !again) return response
  const next = await getToken({ ...wait, rejected: token.accessToken })
  if (next.accessToken === token.accessToken) return response
  await response.body?.cancel()
  return send(input, init, next)
}

function send(input: string | URL | Request, init: RequestInit, token: Token): Promise<Response> {
  const headers = new Headers(
    init.headers ?? (input instanceof Request ? input.headers : undefined),
  )
  headers.set(
    "authorization",
    `${token.tokenType === "bearer" ? "Bearer" : token.tokenType} ${token.accessToken}`,
  )
  return fetch(input, { ...init, headers })
}

/** A stream is gone once it was read; everything else can be sent twice. */
function canSendAgain(input: string | URL | Request, init: RequestInit): boolean {
  const body = init.body ?? null
  if (body !== null) return !(body instanceof ReadableStream)
  return !(input instanceof Request) || !input.bodyUsed
}
