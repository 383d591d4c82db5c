import { execFileSync } from "node:child_process"

import { expect, test } from "vitest"

import { lab } from "./quorate.ts"

/** What bash offers for the last of `words`, with the script of the command itself. */
function offered(script: string, ...words: readonly string[]): readonly string[] {
  const line = ["quorate", ...words].map((word) => `'${word}'`).join(" ")
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _quorate; printf '%s\\n' "\${COMPREPLY[@]}"`
  const answer = execFileSync("bash", ["-c", `${script}\n${ask}`], { encoding: "utf8" })
  return answer.split("\n").filter((word) => word !== "")
}

test("bash completes commands and the options of each, as the help has them", async () => {
  const one = await lab()
  const { code, stderr, stdout: script } = await one.run("completion", "bash")
  const help = await one.run("--help")

  const commands = help.stdout.match(/(?<=^ {2})[a-z]+(?= {2})/gm) ?? []
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  expect(commands).toContain("takeover")
  expect(offered(script, "")).toEqual(expect.arrayContaining([...commands]))
  expect(offered(script, "to")).toEqual(["token"])
  expect(offered(script, "token", "--m")).toEqual(["--min-ttl"])
  expect(offered(script, "--json", "login", "--b")).toEqual(["--browser"])
  expect(offered(script, "remove", "--c")).toEqual([])
  expect(offered(script, "login", "--pro")).toEqual(["--profile"])
})

test("zsh and fish get every command with its description in one quoted word", async () => {
  const one = await lab()
  const zsh = await one.run("completion", "zsh")
  const fish = await one.json("completion", "fish")

  expect(zsh.stdout).toMatch(/^#compdef quorate\n/)
  expect(zsh.stdout).toContain(String.raw`'remove:End another member'\''s part in the cluster.'`)
  expect(zsh.stdout).toMatch(/ {4}takeover\) offer=\(\n {6}'--yes:do not ask'\n/)
  expect(fish).toMatchObject({ code: 0, value: { shell: "fish" } })
  const lines = String(fish.value["script"]).trimEnd().split("\n")
  expect(lines).toContain(
    "complete -c quorate -n '__fish_seen_subcommand_from takeover' -l yes -d 'do not ask'",
  )
  for (const line of lines) {
    expect(line).toMatch(/^complete -c quorate -n '[a-z_ ]+' (?:-f -a [a-z]+|-l [a-z-]+) -d '.+'$/)
  }
})
