/**
 * Before the tests that start processes: lets Node compile what those load, once. Programs that are killed never write
 * what they compiled, and each of some two hundred starts would compile the same files again.
 */

import { execFileSync } from "node:child_process"

const LOADED = [
  "src/index.ts",
  "src/session/host.ts",
  "src/courier/errand.ts",
  "src/session/committer.ts",
  "src/p2p/transport.ts",
  "src/testing/authorization-server.ts",
  "src/cli/main.ts",
  "cluster/demo/protocol.ts",
]

export function setup(): void {
  const source = LOADED.map((path) => `await import(${JSON.stringify(urlOf(path))})`).join("\n")
  execFileSync(process.execPath, ["--input-type=module", "--eval", source])
}

function urlOf(path: string): string {
  return new URL(`../${path}`, import.meta.url).href
}
