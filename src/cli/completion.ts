/**
 * Shell completion, derived from the command line itself. Decides what is offered: the commands, and of each its options;
 * values are left to the shell, which knows files.
 */

import type { Command } from "commander"

export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = (typeof SHELLS)[number]

interface Entry {
  readonly name: string
  readonly about: string
  readonly options: readonly Option[]
}

interface Option {
  readonly name: string
  readonly about: string
}

/** The script that a person's shell reads at its start. */
export function completionScript(shell: Shell, program: Command): string {
  const help = program.createHelp()
  const global = optionsOf(program)
  const entries = help.visibleCommands(program).map((command): Entry => {
    const options = [...optionsOf(command), ...global]
    return { name: command.name(), about: command.description(), options }
  })
  switch (shell) {
    case "bash":
      return bash(entries, global)
    case "zsh":
      return zsh(entries, global)
    case "fish":
      return fish(entries, global)
    default:
      return shell satisfies never
  }
}

function optionsOf(command: Command): readonly Option[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ description, long }) =>
      long === undefined || long === null ? [] : [{ name: long, about: description }],
    )
}

const words = (options: readonly { readonly name: string }[]): string =>
  options.map(({ name }) => name).join(" ")

function bash(entries: readonly Entry[], global: readonly Option[]): string {
  const cases = entries.map(({ name, options }) => `    ${name}) offer="${words(options)}" ;;`)
  return `_quorate() {
  local word offer="${words(entries)} ${words(global)}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
${cases.join("\n")}
    esac
  done
  COMPREPLY=($(compgen -W "$offer" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _quorate quorate
`
}

function zsh(entries: readonly Entry[], global: readonly Option[]): string {
  const described = (items: readonly Option[]): string =>
    items.map(({ about, name }) => `      ${quoted(`${name}:${about}`)}`).join("\n")
  const cases = entries.map(
    ({ name, options }) => `    ${name}) offer=(\n${described(options)}\n    ) ;;`,
  )
  return `#compdef quorate
_quorate() {
  local word
  local -a offer=(
${described([...entries, ...global])}
  )
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in
${cases.join("\n")}
    esac
  done
  _describe quorate offer || _files
}
compdef _quorate quorate
`
}

function fish(entries: readonly Entry[], global: readonly Option[]): string {
  const line = (when: string, what: string, about: string): string =>
    `complete -c quorate -n ${quoted(when)} ${what} -d ${quoted(about)}`
  const long = ({ name }: Option): string => `-l ${name.slice(2)}`
  return [
    ...entries.map(({ about, name }) => line("__fish_use_subcommand", `-f -a ${name}`, about)),
    ...global.map((option) => line("__fish_use_subcommand", long(option), option.about)),
    ...entries.flatMap(({ name, options }) =>
      options.map((option) =>
        line(`__fish_seen_subcommand_from ${name}`, long(option), option.about),
      ),
    ),
    "",
  ].join("\n")
}

/** One word of zsh and of fish alike. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
