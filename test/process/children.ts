/** Children that tests may kill or stop: started with this Node, heard line by line, gone when the test is over. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

import { onTestFinished } from "vitest"

/** A running child. */
export interface Child {
  readonly process: ChildProcess
  /** The next line of its stdout; null when it has ended. */
  line(): Promise<string | null>
  /** Every line from here to its end. */
  rest(): Promise<readonly string[]>
  /** Sends SIGKILL and waits until it is gone. */
  kill(): Promise<void>
}

/** Runs TypeScript source as a module. `fileBlocks` limits the files it writes, in units of 512 bytes (ulimit -f). */
export function child(source: string, fileBlocks?: number): Child {
  const run = [process.execPath, "--input-type=module-typescript", "--eval", source]
  const [command = "", ...args] =
    fileBlocks === undefined
      ? run
      : ["/bin/sh", "-c", `ulimit -f ${fileBlocks}; exec "$@"`, "sh", ...run]
  const started = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
  const exit = once(started, "exit")
  const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string | null> => {
    const next = await lines.next()
    return next.done === true ? null : next.value
  }
  const kill = async (): Promise<void> => {
    started.kill("SIGKILL")
    await exit
  }
  onTestFinished(kill)
  return {
    process: started,
    line,
    rest: async () => {
      const rest: string[] = []
      for (let next = await line(); next !== null; next = await line()) rest.push(next)
      return rest
    },
    kill,
  }
}

/** The specifier of a source file for {@link child}: `moduleUrl("machine/lock.ts")`. */
export function moduleUrl(path: string): string {
  return JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
}
