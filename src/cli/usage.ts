/**
 * What is told of a command line that cannot be understood. Decides which of commander's words are kept: its hints are, but
 * a value is not repeated, since it may be a secret in the wrong place.
 */

import type { Command, CommanderError } from "commander"

import type { QuorateError } from "../core/base/errors.ts"
import { usage } from "./failure.ts"

/** The error for `error`, with the best next step known. */
export function usageErrorOf(
  error: CommanderError,
  argv: readonly string[],
  program: Command,
): QuorateError {
  const names = program.commands.map((command) => command.name())
  const command = argv.find((word) => names.includes(word))
  const help = command === undefined ? "see `quorate --help`" : `see \`quorate ${command} --help\``
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n")
  const meant = /\(Did you mean (.+)\?\)/.exec(rest.join(" "))?.[1]
  const hint = meant === undefined ? help : `did you mean ${meant}? ${help}`
  switch (error.code) {
    case "commander.help":
      return usage("a command is missing", `${commandsAre(names)}; ${help}`)
    case "commander.unknownCommand":
      return usage(
        unknownCommand(first),
        meant === undefined ? commandsAre(names) : `did you mean ${meant}? ${commandsAre(names)}`,
      )
    case "commander.excessArguments":
      return usage(tooMany(command, program), hint)
    case "commander.missingArgument":
      return usage(missingArgument(first), hint)
    case "commander.unknownOption":
      return usage(first.replace(/=[^']*'/, "'"), hint)
    case "commander.invalidArgument":
      return usage(invalidArgument(first), hint)
    default:
      return usage(first, hint)
  }
}

function commandsAre(names: readonly string[]): string {
  return `the commands are ${names.join(", ")}`
}

function tooMany(name: string | undefined, program: Command): string {
  const command = program.commands.find((one) => one.name() === name)
  const takes = command?.registeredArguments.length === 1 ? "one argument" : "no argument"
  return `\`${name ?? "quorate"}\` takes ${takes}`
}

/** `missing required argument 'member'`, as the help writes it. */
function missingArgument(message: string): string {
  const name = /'([a-z-]+)'$/.exec(message)?.[1] ?? "argument"
  return `${name.toUpperCase()} is missing`
}

/** Short plain words are shown; anything else may be a token. */
function unknownCommand(message: string): string {
  return /^unknown command '[A-Za-z][A-Za-z-]{0,31}'$/.test(message) ? message : "unknown command"
}

function invalidArgument(message: string): string {
  const match = /^option '(--[a-z-]+)[^']*' argument '.*' is invalid\. (.*)$/s.exec(message)
  if (match !== null) return `${match[1]} is wrong: ${lower(match[2])}`
  const argument = /^command-argument value '.*' is invalid for argument '([a-z]+)'\. (.*)$/s.exec(
    message,
  )
  if (argument === null) return "an option has a wrong value"
  return `${argument[1]?.toUpperCase()} is wrong: ${lower(argument[2])}`
}

function lower(sentence = ""): string {
  return sentence.replace(/^(?:It must|Allowed)/, (start) => start.toLowerCase()).replace(/\.$/, "")
}
