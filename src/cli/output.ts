/**
 * What goes to stdout and what to stderr. With `--json` stdout carries JSON lines and its last line is the answer or the
 * error; without, the answer for people and scripts. Everything else is stderr's. Decides colours, and that a reader who
 * has gone away is no error.
 */

import { styleText } from "node:util"

import { type Failure, failureOf, framesOf } from "./failure.ts"

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

export type Paint = "good" | "warning" | "bad" | "faint" | "strong"

const STYLE = {
  good: "green",
  warning: "yellow",
  bad: "red",
  faint: "dim",
  strong: "bold",
} as const

/** The two streams of a process, or a test's. */
export interface Streams {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

export class Output {
  readonly json: boolean
  readonly #streams: Streams
  readonly #gone = new AbortController()
  #failed = false

  constructor(json: boolean, streams: Streams = process) {
    this.json = json
    this.#streams = streams
    streams.stdout.on("error", (error: NodeJS.ErrnoException) => {
      // `quorate status | head`: the reader has what it wanted. A full disk is another matter.
      if (error.code !== "EPIPE" && !this.#gone.signal.aborted) this.#failed = true
      this.#gone.abort()
    })
    streams.stderr.on("error", () => {})
  }

  /** The answer tells of a fault: the command ends as one that failed. */
  markFaulty(): void {
    this.#failed = true
  }

  /**
   * Waits until all is written.
   *
   * @returns false when it could not be, for another reason than that nobody reads it, or when it tells of a fault.
   */
  async flushed(): Promise<boolean> {
    if (!this.#gone.signal.aborted) {
      await new Promise((resolve) => this.#streams.stdout.write("", resolve))
      // A failed write is told in the turn after it.
      await new Promise(setImmediate)
    }
    return !this.#failed
  }

  /** Aborted when nobody reads stdout any more. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** True when stdout is a terminal that can be drawn on. */
  get drawable(): boolean {
    return !this.json && this.#streams.stdout.isTTY && process.env["TERM"] !== "dumb"
  }

  /** The answer of a command: one JSON line, or text. */
  answer(value: JsonValue, text: string): void {
    this.#write(this.json ? JSON.stringify(value) : text)
  }

  /** Text that is the same in both forms: what commander prints. */
  text(text: string): void {
    if (this.json) this.#write(JSON.stringify({ text: text.trimEnd() }))
    else this.#streams.stdout.write(text)
  }

  /** Draws over the last `lines` lines of the terminal. */
  redraw(lines: number, text: string): void {
    const up = lines === 0 ? "" : `\u001B[${lines}A\u001B[0J`
    this.#streams.stdout.write(`${up}${text}\n`)
  }

  /** Something worth knowing that is not the answer. */
  note(text: string): void {
    this.#streams.stderr.write(`quorate: ${text}\n`)
  }

  /** Ends the output with what went wrong. */
  fail(error: unknown): void {
    const failure = failureOf(error)
    if (failure.code === "INTERNAL" && process.env["QUORATE_DEBUG"] === "1") {
      this.#streams.stderr.write(`${framesOf(error)}\n`)
    }
    if (this.json) this.#write(JSON.stringify({ error: failure }))
    else this.#streams.stderr.write(failureText(failure))
  }

  /** Colours `text` where stdout is a terminal and nobody asked for none (NO_COLOR). */
  paint(paint: Paint, text: string): string {
    if (this.json || !this.#streams.stdout.isTTY) return text
    return styleText(STYLE[paint], text, { stream: this.#streams.stdout })
  }

  #write(line: string): void {
    if (!this.#gone.signal.aborted) this.#streams.stdout.write(`${line}\n`)
  }
}

/** `quorate: message`, and a line that says what to do. */
export function failureText({ message, hint }: Failure): string {
  return hint === null ? `quorate: ${message}\n` : `quorate: ${message}\nhint: ${hint}\n`
}
