/**
 * The command line: commands, options and their help. Decides what may be written and how a mistake in it is told; what a
 * command does is loaded when it runs, so that help and a cached token cost no more than they must.
 */

import { readFileSync } from "node:fs"
import { isAbsolute, resolve } from "node:path"

import { Command, CommanderError, Option } from "commander"

import { defaultProfileDirectory } from "../machine/profile.ts"
import type { Context } from "./context.ts"
import { usage } from "./failure.ts"
import type { Output } from "./output.ts"
import { secondsBetween } from "./seconds.ts"
import { usageErrorOf } from "./usage.ts"

const DAY_SECONDS = 86_400

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
  addInit(program, context)
  addLogin(program, context)
  addToken(program, context)
  addRun(program, context)
  addStatus(program, context)
  addMembers(program, context)
  addLogout(program, context)
  return program
}

const PROFILE_HELP =
  "directory of the profile (QUORATE_PROFILE; default: the user's state directory)"

const EXAMPLE = `
Example:
  quorate init --issuer https://login.example --client-id my-cli
  quorate login --import response.json
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

function addInit(program: Command, context: () => Context): void {
  program
    .command("init")
    .description("Set a profile up for one client of one authorization server.")
    .option("--issuer <url>", "issuer of the authorization server (RFC 8414)")
    .option("--token-endpoint <url>", "its token endpoint, where there is no discovery document")
    .option("--client-id <id>", "the registered client")
    .option("--client-secret-file <file>", "file that holds the client's secret, closed to others")
    .option("--scope <scopes>", "scopes to ask for at login, separated by spaces")
    .option("--replay-policy <policy>", REPLAY_HELP)
    .option("--listen <multiaddr...>", LISTEN_HELP)
    .addHelpText("after", INIT_EXAMPLE)
    .action(async (options: object) => {
      const { init } = await import("./commands/init.ts")
      await init(context(), options)
    })
}

const REPLAY_HELP =
  "what the server does with a second use of a refresh token: strict (the default), reject, multi-use, confirm, " +
  "idempotent or grace:SECONDS[:same|:new]"
const LISTEN_HELP =
  "where other members reach this one; repeatable (default: a free port of 127.0.0.1)"
const INIT_EXAMPLE = `
Saying it again with the same settings changes nothing; with others it is refused.

Example:
  quorate init --issuer https://login.example --client-id my-cli --listen /ip4/0.0.0.0/tcp/4001`

function addLogin(program: Command, context: () => Context): void {
  program
    .command("login")
    .description("Give the cluster a login.")
    .option("--import <file>", "a token response with a refresh_token (RFC 6749 5.1); - for stdin")
    // Part of the contract, not of this version: known, so that whoever tries them is told what there is.
    .addOption(new Option("--browser").hideHelp())
    .addOption(new Option("--device").hideHelp())
    .addHelpText("after", LOGIN_EXAMPLE)
    .action(async (options: object) => {
      const { login } = await import("./commands/login.ts")
      await login(context(), options)
    })
}

const LOGIN_EXAMPLE = `
The response may say expires_at (Unix seconds); otherwise expires_in counts from now.

Example:
  my-login-tool --print-json | quorate login --import -`

function addToken(program: Command, context: () => Context): void {
  program
    .command("token")
    .description("Print an access token that is valid now, refreshed where needed.")
    .option(
      "--min-ttl <seconds>",
      "how long it must still live",
      secondsBetween(0, 366 * DAY_SECONDS),
    )
    .option(
      "--rejected <token>",
      "a token the server refused: itself, sha256:HEX of it, - for stdin",
    )
    .option("--cached-only", "never refresh")
    .option("--force", "refresh, even though the current one is valid")
    .option("--timeout <seconds>", "longest wait (default: 30)", secondsBetween(0, DAY_SECONDS))
    .option("--header", "print it as an Authorization header")
    .addHelpText("after", TOKEN_EXAMPLE)
    .action(async (options: object) => {
      const { token } = await import("./commands/token.ts")
      await token(context(), options)
    })
}

const TOKEN_EXAMPLE = `
Example:
  curl -H "$(quorate token --header --min-ttl 60)" https://api.example/me`

function addRun(program: Command, context: () => Context): void {
  program
    .command("run")
    .description("Host the member in the foreground until SIGINT or SIGTERM.")
    .addHelpText("after", "\nExample:\n  quorate run --profile ~/.config/my-app/quorate")
    .action(async () => {
      const { run } = await import("./commands/run.ts")
      await run(context())
    })
}

function addStatus(program: Command, context: () => Context): void {
  program
    .command("status")
    .description("Show what is going on: the token, the cluster, what to do.")
    .option("--watch", "go on until interrupted")
    .addHelpText("after", "\nExample:\n  quorate status --json | jq -r .stage")
    .action(async (options: object) => {
      const { status } = await import("./commands/status.ts")
      await status(context(), options)
    })
}

function addMembers(program: Command, context: () => Context): void {
  program
    .command("members")
    .description("List the members of the cluster.")
    .addHelpText("after", "\nExample:\n  quorate members")
    .action(async () => {
      const { members } = await import("./commands/members.ts")
      await members(context())
    })
}

function addLogout(program: Command, context: () => Context): void {
  program
    .command("logout")
    .description("End the login on every member.")
    .addHelpText("after", "\nExample:\n  quorate logout")
    .action(async () => {
      const { logout } = await import("./commands/logout.ts")
      await logout(context())
    })
}
