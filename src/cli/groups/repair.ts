/** The commands for when something is wrong: their options and help. */

import type { Command } from "commander"

import type { Context } from "../context.ts"

export function addRepairCommands(program: Command, context: () => Context): void {
  addTakeover(program, context)
}

function addTakeover(program: Command, context: () => Context): void {
  program
    .command("takeover")
    .description(
      "Refresh here, once, whoever may have done so before; says first what it may cost.",
    )
    .option("--yes", "do not ask")
    .addHelpText("after", TAKEOVER_EXAMPLE)
    .action(async (options: object) => {
      const { takeover } = await import("../commands/takeover.ts")
      await takeover(context(), options)
    })
}

const TAKEOVER_EXAMPLE = `
For a refresh that nobody may repeat by itself: the device that began it is gone, or too few members are reachable.
Without a terminal it needs --yes; then it is told as well what it may cost.

Example:
  quorate takeover`
