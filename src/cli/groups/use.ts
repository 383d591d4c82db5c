/** The commands of every day: their options and help. */

import type { Command } from "commander"

import type { Context } from "../context.ts"
import { secondsBetween } from "../seconds.ts"

const DAY_SECONDS = 86_400

export function addUseCommands(program: Command, context: () => Context): void {
  addToken(program, context)
  addRun(program, context)
  addStatus(program, context)
  addMembers(program, context)
}

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
      const { token } = await import("../commands/token.ts")
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
      const { run } = await import("../commands/run.ts")
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
      const { status } = await import("../commands/status.ts")
      await status(context(), options)
    })
}

function addMembers(program: Command, context: () => Context): void {
  program
    .command("members")
    .description("List the members of the cluster.")
    .addHelpText("after", "\nExample:\n  quorate members")
    .action(async () => {
      const { members } = await import("../commands/members.ts")
      await members(context())
    })
}
