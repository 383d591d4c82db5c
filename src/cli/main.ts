/**
 * One run of the command: reads the arguments, runs the command, tells how it ended. Decides what signals do and that the
 * process lives until the command is done; what each command does is in `commands/`.
 */

import { type EndingSignal, exitCodeOf, exitCodeOfSignal, Interrupted } from "./exit.ts"
import { Output } from "./output.ts"
import { runProgram } from "./program.ts"

/** Runs the command line `argv`, without the program's own name. @returns the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  // Looked for before anything is understood: a wrong command line is told as JSON too.
  const output = new Output(argv.includes("--json"))
  const signals = watchSignals()
  // The library's timers let a process end; a command that waits for one of them must not.
  const alive = setInterval(() => {}, 2 ** 30)
  try {
    await runProgram(argv, output, signals.signal)
    // `run` and `status --watch` return when a signal ends them: no failure to tell.
    if (signals.signal.aborted) return exitCodeOf(signals.signal.reason)
    return (await output.flushed()) ? 0 : 1
  } catch (error) {
    // Whatever an interrupted command fails with, the signal is why.
    const said: unknown = signals.signal.aborted ? signals.signal.reason : error
    output.fail(said)
    return exitCodeOf(said)
  } finally {
    clearInterval(alive)
    signals.close()
  }
}

/** The first signal asks the command to end in good order, the second ends the process. */
function watchSignals(): { readonly signal: AbortSignal; readonly close: () => void } {
  const controller = new AbortController()
  const on = (signal: EndingSignal): void => {
    if (controller.signal.aborted) process.exit(exitCodeOfSignal(signal))
    controller.abort(new Interrupted(signal))
  }
  process.on("SIGINT", on).on("SIGTERM", on)
  return {
    signal: controller.signal,
    close: () => void process.off("SIGINT", on).off("SIGTERM", on),
  }
}
