/** The commands for the shell itself: their options and help. */

import { Argument, type Command } from "commander"

import { type Shell, SHELLS } from "../completion.ts"
import type { Output } from "../output.ts"

export function addShellCommands(program: Command, output: Output): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "whose script").choices(SHELLS))
    .description("Print the script that completes this command in a shell.")
    .addHelpText("after", COMPLETION_EXAMPLE)
    .action(async (shell: Shell) => {
      const { completion } = await import("../commands/completion.ts")
      completion(output, shell, program)
    })
}

const COMPLETION_EXAMPLE = `
Example:
  echo 'eval "$(quorate completion bash)"' >> ~/.bashrc
  quorate completion fish > ~/.config/fish/completions/quorate.fish`
