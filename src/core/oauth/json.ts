/** JSON from strangers: parsed without exceptions, looked at without assumptions. */

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** The value, or `undefined` where the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The fields of an `application/x-www-form-urlencoded` body; null when it does not look like one. */
export function parseForm(text: string): JsonObject | null {
  if (!/^[A-Za-z_]{1,64}=[^\s<>{}"]*$/.test(text.trim())) return null
  const fields: [string, string][] = []
  for (const part of text.trim().split("&")) {
    const [name = "", ...rest] = part.split("=")
    fields.push([decodeFormText(name), decodeFormText(rest.join("="))])
  }
  return Object.fromEntries(fields)
}

function decodeFormText(text: string): string {
  const spaced = text.replaceAll("+", " ")
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
