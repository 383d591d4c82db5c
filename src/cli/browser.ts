/** This machine's browser. Decides whether a person sits in front of one, and how it is told to open a page. */

import { spawn } from "node:child_process"

type Environment = Readonly<Record<string, string | undefined>>

/** True on a desktop session with a display; over SSH the display, if any, is somewhere else. */
export function canShowBrowser(
  environment: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const has = (name: string): boolean => (environment[name] ?? "") !== ""
  if (has("SSH_CONNECTION") || has("SSH_TTY")) return false
  return platform === "darwin" || platform === "win32" || has("DISPLAY") || has("WAYLAND_DISPLAY")
}

/** Opens `url`, or does not: the person was shown it as well. */
export function openBrowser(url: string, platform: NodeJS.Platform = process.platform): void {
  const [command, ...args] = commandOf(platform)
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true })
  child.on("error", () => {})
  child.unref()
}

function commandOf(platform: NodeJS.Platform): readonly [string, ...string[]] {
  if (platform === "darwin") return ["open"]
  // `start` would hand the URL to a shell.
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"]
  return ["xdg-open"]
}
