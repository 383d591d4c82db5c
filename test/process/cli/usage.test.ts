import { spawnSync } from "node:child_process"
import { join } from "node:path"

import { expect, test } from "vitest"

import { lab } from "./quorate.ts"

test("a wrong command line exits with 2, names what is wrong and prints nothing on stdout", async () => {
  const one = await lab()
  const wrong: readonly (readonly [args: readonly string[], said: RegExp])[] = [
    [[], /a command is missing/],
    [["tokn"], /unknown command 'tokn'\nhint: did you mean token\?/],
    [["token", "--mint-ttl", "3"], /--mint-ttl.*\nhint: did you mean --min-ttl\?/],
    [["token", "--min-ttl", "soon"], /--min-ttl.*number of seconds/],
    [["token", "--timeout", "-1"], /--timeout.*number of seconds/],
    [["token", "--timeout"], /--timeout/],
    [["token", "--rejected", "sha256:12"], /--rejected/],
    [["token", "--rejected", ""], /--rejected/],
    [["token", "--force", "--cached-only"], /--force/],
    [["token", "extra"], /takes no argument/],
    [["init", "--client-id", "app"], /--issuer is missing/],
    [["init", "--issuer", "https://x.example"], /--client-id is missing/],
    [["login", "--browser", "--device"], /--browser and --device exclude each other/],
    [["login", "--device", "--import", "x"], /--device and --import exclude each other/],
    [["status", "--profile", ""], /--profile/],
    [["completion"], /SHELL is missing/],
    [["completion", "tcsh"], /SHELL is wrong: allowed choices are bash, zsh, fish/],
    [["remove"], /MEMBER is missing/],
    [["remove", "a", "b"], /takes one argument/],
    [["remove", "a", "--compromised"], /--compromised is not in this version/],
    [["remove", "nobody"], /"nobody" is no member\nhint: this member is the only one/],
  ]
  await one.init()

  for (const [args, said] of wrong) {
    const { code, stderr, stdout } = await one.run(...args)
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" })
    expect(stderr).toMatch(said)
  }
  expect(await one.json("tokn")).toMatchObject({ code: 2, value: { error: { code: "USAGE" } } })
})

test("a token response that cannot be imported exits with 2 and says why", async () => {
  const one = await lab()
  await one.init()
  const wrong: readonly (readonly [text: string, said: RegExp])[] = [
    ["", /not a JSON object/],
    ["[]", /not a JSON object/],
    ['{"access_token":"a"}', /refresh_token is missing/],
    ['{"access_token":"a","refresh_token":"r","expires_at":1795476421000}', /expires_at/],
  ]
  for (const [text, said] of wrong) {
    const { code, stderr } = await one.fed(text, "login", "--import", "-")
    expect({ text, code }).toEqual({ text, code: 2 })
    expect(stderr).toMatch(said)
  }
  const missing = await one.run("login", "--import", "nowhere.json")
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain("ENOENT")

  const assumed = await one.fed(
    '{"access_token":"a","refresh_token":"r"}',
    "login",
    "--import",
    "-",
    "--json",
  )
  expect(assumed.code).toBe(0)
  expect(assumed.stderr).toContain("assumed 3600 s")
})

test("every command explains itself with an example", async () => {
  const one = await lab()
  const all = await one.run("--help")
  expect(all).toMatchObject({ code: 0, stderr: "" })

  const daily = ["init", "login", "token", "run", "status", "members", "logout"]
  const names = [...daily, "takeover", "remove", "doctor", "completion"]
  for (const name of names) {
    expect(all.stdout).toMatch(new RegExp(`^ {2}${name} `, "m"))
    const { code, stdout } = await one.run(name, "--help")
    expect({ name, code }).toEqual({ name, code: 0 })
    expect(stdout).toContain(`Usage: quorate ${name}`)
    expect(stdout).toContain("Example:\n")
  }
  expect((await one.run("login", "--help")).stdout).toMatch(/--browser[^]*--device[^]*--import/)
  expect((await one.run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect((await one.json("--version")).value).toHaveProperty("version")
})

/** What a shell says that runs `script` with the command as $1. */
function shell(script: string, profile: string): { status: number | null; stderr: string } {
  const bin = join(import.meta.dirname, "../../../node_modules/.bin/quorate")
  return spawnSync("sh", ["-c", script, "sh", bin], {
    encoding: "utf8",
    env: { ...process.env, QUORATE_PROFILE: profile },
  })
}

test("a reader that goes away is no error", async () => {
  const one = await lab()
  await one.loggedIn()

  const { stderr } = shell('{ "$1" status; echo "code $?" >&2; } | true', one.profile)

  expect(stderr).toBe("code 0\n")
})

test.runIf(process.platform === "linux")("an answer that cannot be written is one", async () => {
  const one = await lab()
  await one.loggedIn()

  expect(shell('"$1" token >/dev/full', one.profile).status).toBe(1)
})
