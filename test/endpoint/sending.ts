/** Sending to one of the misbehaving servers, and closing them all afterwards. */

import type { Exchange, PreparedRequest } from "../../src/core/oauth/types.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import type { RawServer } from "./misbehaving.ts"

const open: RawServer[] = []

/** Keeps the server for {@link closeAll}. */
export async function using(server: Promise<RawServer>): Promise<RawServer> {
  const started = await server
  open.push(started)
  return started
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()))
}

export const BODY = "grant_type=refresh_token&refresh_token=canary-RT0&client_id=c"
export const PAIR =
  '{"access_token":"AT1","refresh_token":"RT1","token_type":"Bearer","expires_in":60}'

export const post = (url: string, body: string = BODY): PreparedRequest => ({
  url,
  headers: [["content-type", "application/x-www-form-urlencoded"]],
  body,
})

export function send(
  url: string,
  timeoutMs = 2_000,
  claim: () => boolean = () => true,
): Promise<Exchange> {
  return sendExchange(post(url), { claim, timeoutMs })
}
