/** A refresh without anybody to agree with: the limit that everything else is held against. */

import { request } from "node:http"

/** A bare client: what a refresh costs when nobody has to agree on anything. */
export class Bare {
  readonly #url: string
  readonly #clientId: string
  #refreshToken: string

  constructor(url: string, clientId: string, refreshToken: string) {
    this.#url = url
    this.#clientId = clientId
    this.#refreshToken = refreshToken
  }

  /** On a new connection, as a courier's is. @returns ms. */
  async refresh(): Promise<number> {
    const startedAt = performance.now()
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: this.#refreshToken,
      client_id: this.#clientId,
    }).toString()
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(body),
    }
    const text = await new Promise<string>((resolve, reject) => {
      const post = request(this.#url, { method: "POST", agent: false, headers }, (response) => {
        let told = ""
        response.setEncoding("utf8").on("data", (part: string) => (told += part))
        response.on("end", () => resolve(told)).on("error", reject)
      })
      post.on("error", reject).end(body)
    })
    const tokens = JSON.parse(text) as { readonly refresh_token?: string }
    if (tokens.refresh_token === undefined) throw new Error("the bare refresh was refused")
    this.#refreshToken = tokens.refresh_token
    return performance.now() - startedAt
  }
}
