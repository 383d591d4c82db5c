/** The commands that begin and end a login: their options and help. */

import type { Command } from "commander"

import type { Context } from "../context.ts"

export function addLoginCommands(program: Command, context: () => Context): void {
  addInit(program, context)
  addLogin(program, context)
  addLogout(program, context)
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
    .option("--key <place>", KEY_HELP)
    .addHelpText("after", INIT_EXAMPLE)
    .action(async (options: object) => {
      const { init } = await import("../commands/init.ts")
      await init(context(), options)
    })
}

const REPLAY_HELP =
  "what the server does with a second use of a refresh token: strict (the default), reject, multi-use, confirm, " +
  "idempotent or grace:SECONDS[:same|:new]"
const LISTEN_HELP =
  "where other members reach this one; repeatable (default: a free port of 127.0.0.1)"
const KEY_HELP =
  "where the key of the profile's files is kept: keychain, or file (default: the keychain, a file where there is none)"
const INIT_EXAMPLE = `
Saying it again with the same settings changes nothing; with others it is refused.

Example:
  quorate init --issuer https://login.example --client-id my-cli --listen /ip4/0.0.0.0/tcp/4001`

function addLogin(program: Command, context: () => Context): void {
  program
    .command("login")
    .description("Give the cluster a login.")
    .option("--browser", "in the browser of this machine (authorization code with PKCE, RFC 8252)")
    .option("--device", "with a code that is typed in on any device (RFC 8628)")
    .option("--import <file>", "a token response with a refresh_token (RFC 6749 5.1); - for stdin")
    .addHelpText("after", LOGIN_EXAMPLE)
    .action(async (options: object) => {
      const { login } = await import("../commands/login.ts")
      await login(context(), options)
    })
}

const LOGIN_EXAMPLE = `
Without an option: the browser where there is a display, else a code if the server offers it.
An imported response may say expires_at (Unix seconds); otherwise expires_in counts from now.

Example:
  quorate login
  my-login-tool --print-json | quorate login --import -`

function addLogout(program: Command, context: () => Context): void {
  program
    .command("logout")
    .description("End the login on every member.")
    .addHelpText("after", "\nExample:\n  quorate logout")
    .action(async () => {
      const { logout } = await import("../commands/logout.ts")
      await logout(context())
    })
}
