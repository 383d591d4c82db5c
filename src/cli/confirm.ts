/** A question that only a person may answer. Decides that silence, a pipe and anything but a clear yes is no. */

import { createInterface } from "node:readline/promises"

import { usage } from "./failure.ts"

export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream
}

/**
 * Asks on stderr, since stdout is the answer's.
 *
 * @throws QuorateError kind `usage` when nobody can be asked, with the question's text; the signal's reason.
 */
export async function confirmed(
  question: string,
  signal: AbortSignal,
  { stderr, stdin }: Terminal = process,
): Promise<boolean> {
  if (stdin.isTTY !== true) {
    throw usage(`--yes is needed where nobody can be asked. ${question.split("\n")[0] ?? ""}`, HINT)
  }
  signal.throwIfAborted()
  const lines = createInterface({ input: stdin, output: stderr })
  // The end of the input is an answer too.
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")))
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended])
    return /^y(?:es)?$/i.test(answer.trim())
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    lines.close()
  }
}

const HINT = "say --yes to accept it"
