/** A person with a browser that knows cookies, redirects and forms, and no more. */

/** What an address led to in the end. */
export interface Page {
  readonly status: number
  readonly url: string
  readonly text: string
  readonly headers: Headers
}

/** How the forms are filled in; what is not said keeps the form's own value. */
export type Fields = Readonly<Record<string, string>>

const STEPS_MAX = 20

/** Opens `url` and sends every form on the way, until a page has none. */
export async function visit(url: string, fields: Fields = {}): Promise<Page> {
  const cookies = new Map<string, string>()
  let at = url
  let body: URLSearchParams | null = null
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    const response: Response = await fetch(at, {
      redirect: "manual",
      method: body === null ? "GET" : "POST",
      body,
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === "") cookies.delete(name)
      else cookies.set(name, value)
    }
    const to = response.headers.get("location")
    if (to !== null) {
      at = new URL(to, at).href
      body = null
      continue
    }
    const text = await response.text()
    const form = /<form[^]*?<\/form>/.exec(text)?.[0]
    if (form === undefined) {
      return { status: response.status, url: at, text, headers: response.headers }
    }
    at = new URL(attributeOf(form, "action") ?? at, at).href
    body = filled(form, fields)
  }
  throw new Error(`no end after ${STEPS_MAX} steps: ${at}`)
}

function filled(form: string, fields: Fields): URLSearchParams {
  const body = new URLSearchParams()
  for (const [input] of form.matchAll(/<input[^>]*>/g)) {
    const name = attributeOf(input, "name")
    if (name !== null) body.set(name, fields[name] ?? attributeOf(input, "value") ?? "")
  }
  return body
}

function attributeOf(tag: string, name: string): string | null {
  return new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? null
}
