/** The commands for when something is wrong: their options and help. */

import { type Command, Option } from "commander"

import type { Context } from "../context.ts"

export function addRepairCommands(program: Command, context: () => Context): void {
  addTakeover(program, context)
  addRemove(program, context)
  addDoctor(program, context)
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

function addRemove(program: Command, context: () => Context): void {
  program
    .command("remove")
    .argument("<member>", "its id, the beginning of its id, or its name")
    .description("End another member's part in the cluster.")
    .option("--holder-is-gone", "also if it may be refreshing right now, which can end the login")
    // Part of the contract, not of this version: known, so that whoever tries it is told what there is.
    .addOption(new Option("--compromised").hideHelp())
    .addHelpText("after", REMOVE_EXAMPLE)
    .action(async (member: string, options: object) => {
      const { remove } = await import("../commands/remove.ts")
      await remove(context(), member, options)
    })
}

const REMOVE_EXAMPLE = `
A copy of the login stays on the member: after a theft revoke it at the provider and log in again.

Example:
  quorate members
  quorate remove laptop`

function addDoctor(program: Command, context: () => Context): void {
  program
    .command("doctor")
    .description("Look for what may be wrong: files, host, server, clock, lifetimes, members.")
    .addHelpText("after", DOCTOR_EXAMPLE)
    .action(async () => {
      const { doctor } = await import("../commands/doctor.ts")
      await doctor(context())
    })
}

const DOCTOR_EXAMPLE = `
One line for each check; exit code 1 when one of them found a fault. It spends no token and shows no secret.

Example:
  quorate doctor --json | jq '.checks[] | select(.result != "ok")'`
