import { expect, test } from "vitest"

import { canShowBrowser } from "../../src/cli/browser.ts"

test.each([
  [{ DISPLAY: ":0" }, "linux", true],
  [{ WAYLAND_DISPLAY: "wayland-0" }, "linux", true],
  [{ DISPLAY: "" }, "linux", false],
  [{}, "linux", false],
  [{ DISPLAY: "localhost:10.0", SSH_CONNECTION: "a b c d" }, "linux", false],
  [{}, "darwin", true],
  [{ SSH_TTY: "/dev/pts/1" }, "darwin", false],
  [{}, "win32", true],
] as const)("with %j on %s a browser can be shown: %s", (environment, platform, shown) => {
  expect(canShowBrowser(environment, platform)).toBe(shown)
})
