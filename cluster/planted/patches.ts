/** The planted bugs and what each kind of them needs around it. Decides where they lie and how one is planted in a copy. */

import { execFileSync } from "node:child_process"
import { cpSync, readdirSync, symlinkSync } from "node:fs"
import { join, resolve } from "node:path"

export const ROOT: string = resolve(import.meta.dirname, "../..")
export const KINDS = ["raft", "refresh"] as const
export type Kind = (typeof KINDS)[number]

/** What the seeker of a kind imports. */
const NEEDED: Readonly<Record<Kind, readonly string[]>> = {
  raft: ["src/core/base", "src/core/raft", "test/helpers/raft"],
  refresh: ["src", "cluster/simulate"],
}

/** Names of the bugs of one kind. */
export function bugsOf(kind: Kind): readonly string[] {
  return readdirSync(join(import.meta.dirname, kind))
    .filter((name) => name.endsWith(".patch"))
    .map((name) => name.slice(0, -".patch".length))
    .toSorted()
}

/** Copies what the seeker needs to `copy`, with the bug in it. @throws Error when the patch is stale. */
export function plant(kind: Kind, bug: string, copy: string): void {
  for (const path of ["package.json", "cluster/planted", ...NEEDED[kind]])
    cpSync(join(ROOT, path), join(copy, path), { recursive: true })
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"), "junction")
  apply(kind, bug, copy)
}

/** @throws Error when the patch does not fit the code in `at` any more. */
export function apply(kind: Kind, bug: string, at: string, ...options: readonly string[]): void {
  const patch = join(import.meta.dirname, kind, `${bug}.patch`)
  try {
    execFileSync("git", ["apply", ...options, patch], { cwd: at, stdio: "pipe" })
  } catch (error) {
    throw new Error(`${kind}/${bug}.patch does not apply any more`, { cause: error })
  }
}
