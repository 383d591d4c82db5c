/** The version of this package, for people who compare two programs. */

import { readFileSync } from "node:fs"

/** Such as `1.2.3`; `unknown` where a bundler has left the package's description behind. */
export function packageVersion(): string {
  try {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown }
    return name === "quorate" && typeof version === "string" ? version.slice(0, 64) : "unknown"
  } catch {
    return "unknown"
  }
}
