/** `completion`: prints the script for a shell. The one command that needs no profile. */

import type { Command } from "commander"

import { completionScript, type Shell } from "../completion.ts"
import type { Output } from "../output.ts"

export function completion(output: Output, shell: Shell, program: Command): void {
  const script = completionScript(shell, program)
  output.answer({ shell, script }, script.trimEnd())
}
