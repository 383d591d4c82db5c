/** What the tests of a desktop need of the machine: programs that npm does not bring. */

import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Each program, and the Debian package that has it. */
const NEEDED = {
  chromium: "chromium",
  "dbus-run-session": "dbus",
  "gnome-keyring-daemon": "gnome-keyring",
}

/** The Debian packages of the programs that are not there. */
export function missingPackages(): readonly string[] {
  return Object.entries(NEEDED).flatMap(([program, name]) => (isThere(program) ? [] : [name]))
}

function isThere(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
