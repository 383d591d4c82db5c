// The profile's directory: DESIGN §10 and §14 (exit code 5: owner, mode, network file system).

import { chmodSync, mkdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { expect, test } from "vitest"

import { networkFileSystem } from "../../src/machine/file-system.ts"
import {
  defaultProfileDirectory,
  openProfileDirectory,
  profileDirectory,
  refuseOthers,
} from "../../src/machine/profile.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"
import { testDirectory } from "../storage/directory.ts"

test.each([
  ["linux", {}, "/people/u/.local/state/quorate"],
  ["linux", { XDG_STATE_HOME: "/var/u" }, "/var/u/quorate"],
  ["linux", { XDG_STATE_HOME: "relative" }, "/people/u/.local/state/quorate"],
  ["linux", { XDG_STATE_HOME: "" }, "/people/u/.local/state/quorate"],
  ["freebsd", {}, "/people/u/.local/state/quorate"],
  ["darwin", { XDG_STATE_HOME: "/var/u" }, "/people/u/Library/Application Support/quorate"],
] as const)("the default on %s with %j is %s", (platform, env, expected) => {
  expect(defaultProfileDirectory(env, platform, "/people/u")).toBe(expected)
})

test("the default on Windows lies in the local application data", () => {
  const named = defaultProfileDirectory({ LOCALAPPDATA: "L" }, "win32", "H")
  const unnamed = defaultProfileDirectory({}, "win32", "H")

  expect(named).toBe(join("L", "quorate"))
  expect(unnamed).toBe(join("H", "AppData", "Local", "quorate"))
})

test("an absent directory is made for its owner alone", () => {
  const path = join(testDirectory(), "a", "b")

  const profile = openProfileDirectory(path)

  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(profile.path).toBe(realpathSync(path))
  expect(profile.stateDb).toBe(join(profile.path, "state.db"))
})

test("two names of one directory are one profile", () => {
  const directory = testDirectory()
  const path = join(directory, "real")
  openProfileDirectory(path)
  symlinkSync(path, join(directory, "link"))

  expect(openProfileDirectory(join(directory, "link"))).toEqual(openProfileDirectory(path))
})

test.each([0o750, 0o705, 0o701, 0o770])(
  "a directory of mode %o is refused with its cure",
  (mode) => {
    const path = join(testDirectory(), "open")
    mkdirSync(path)
    chmodSync(path, mode)

    const refused = () => openProfileDirectory(path)

    expect(thrownBy(refused)).toBe("STORE_UNUSABLE")
    expect(refused).toThrow(path)
    expect(refused).toThrow(expect.objectContaining({ hint: `Run: chmod 700 ${path}` }))
    expect(statSync(path).mode & 0o777).toBe(mode)
  },
)

test("a directory of another user is refused, also for root", () => {
  expect(thrownBy(() => refuseOthers("/p", { uid: 1000, mode: 0o40700 }, 0))).toBe("STORE_UNUSABLE")
  expect(thrownBy(() => refuseOthers("/p", { uid: 0, mode: 0o40700 }, 0))).toBe(null)
})

test("Windows knows neither owner nor mode", () => {
  expect(thrownBy(() => refuseOthers("/p", { uid: 0, mode: 0o40777 }, undefined))).toBe(null)
})

test("a file is no profile directory, and nothing is made below one", () => {
  const path = join(testDirectory(), "file")
  writeFileSync(path, "")

  expect(thrownBy(() => openProfileDirectory(path))).toBe("STORE_UNUSABLE")
  expect(thrownBy(() => openProfileDirectory(join(path, "below")))).toBe("STORE_UNUSABLE")
})

// unix(7): sun_path ends after 108 bytes on Linux, 104 on macOS, and a longer one is cut or refused much later.
test("a path too long for a socket is refused at once, except on Linux, which has other names for it", () => {
  const longest = `/${"x".repeat(94)}`

  expect(profileDirectory(longest, "darwin").socket).toHaveLength(102)
  expect(thrownBy(() => profileDirectory(`${longest}xx`, "darwin"))).toBe("USAGE")
  expect(thrownBy(() => profileDirectory(`/${"ü".repeat(50)}`, "darwin"))).toBe("USAGE")
  expect(profileDirectory(`${longest}xx`, "linux").socket).toHaveLength(104)
})

test("on Windows the host is found by a pipe whose name tells no path", () => {
  const { socket } = profileDirectory("C:\\Users\\u\\secret", "win32")

  expect(socket).toMatch(/^\\\\\.\\pipe\\quorate-[0-9a-f]{32}$/)
  expect(profileDirectory("c:\\users\\U\\SECRET", "win32").socket).toBe(socket)
})

// Linux, include/uapi/linux/magic.h and statfs(2).
test.each([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xff534d42 | 0, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
])("the file system %d is %s", (type, name) => {
  expect(networkFileSystem(type)).toBe(name)
})

test.each([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, 0x794c7630, 0])(
  "the file system %d is taken for local",
  (type) => {
    expect(networkFileSystem(type)).toBe(null)
  },
)
