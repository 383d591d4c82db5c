/**
 * The command line: what holds for every command. Decides what may be written and how a mistake in it is told; the
 * commands' own options and help are in `groups/`. What a command does is loaded when it runs, so that help and a cached
 * token cost no more than they must.
 */

import { readFileSync } from "node:fs"
import { isAbsolute, resolve } from "node:path"

import { Command, CommanderError, Option } from "commander"

import { defaultProfileDirectory } from "../machine/profile.ts"
import type { Context } from "./context.ts"
import { usage } from "./failure.ts"
import type { Output } from "./output.ts"
import { addLoginCommands } from "./groups/login.ts"
import { addRepairCommands } from "./groups/repair.ts"
import { addShellCommands } from "./groups/shell.ts"
import { addUseCommands } from "./groups/use.ts"
import { usageErrorOf } from "./usage.ts"

interface GlobalOptions {
  readonly profile?: string
}

/** Runs one command line. @throws QuorateError kind `usage` when it cannot be understood; whatever the command throws. */
export async function runProgram(
  argv: readonly string[],
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const program = commandLine(output, signal)
  try {
    await program.parseAsync(argv, { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    throw usageErrorOf(error, argv, program)
  }
}

/** The command line as commander sees it. */
export function commandLine(output: Output, signal: AbortSignal): Command {
  const program = new Command("quorate")
  const context = (): Context => ({ output, signal, profile: profileOf(program.opts()) })
  program
    .description(
      "Several programs, one login: a cluster of your clients agrees who refreshes next.",
    )
    .usage("COMMAND [options]")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => output.text(text),
      // Errors are told by `main`, once, in their own form.
      writeErr: () => {},
      outputError: () => {},
    })
    .addOption(new Option("--profile <directory>", PROFILE_HELP))
    .option("--json", "end stdout with one JSON object, on failure too")
    .helpOption("--help", "show help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", EXAMPLE)
  addVersion(program, output)
  addLoginCommands(program, context)
  addUseCommands(program, context)
  addRepairCommands(program, context)
  addShellCommands(program, output)
  return program
}

const PROFILE_HELP =
  "directory of the profile (QUORATE_PROFILE; default: the user's state directory)"

const EXAMPLE = `
Example:
  quorate init --issuer https://login.example --client-id my-cli
  quorate login
  curl -H "$(quorate token --header)" https://api.example/me

Exit codes: 0 done, 1 internal error, 2 usage, 3 login or init needed, 4 try again later,
            5 the profile's files cannot be used, 6 refused, 130 and 143 ended by a signal`

function addVersion(program: Command, output: Output): void {
  program.option("--version", "show the version").on("option:version", () => {
    const version = packageVersion()
    output.answer({ version }, version)
    throw new CommanderError(0, "commander.version", version)
  })
}

function packageVersion(): string {
  // Two floors up in a checkout and in the published package alike.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
  return (JSON.parse(text) as { readonly version: string }).version
}

function profileOf(options: GlobalOptions): string {
  const environment = process.env["QUORATE_PROFILE"] ?? ""
  const said = options.profile ?? (environment === "" ? defaultProfileDirectory() : environment)
  if (said === "") throw usage("--profile must name a directory")
  return isAbsolute(said) ? said : resolve(said)
}
