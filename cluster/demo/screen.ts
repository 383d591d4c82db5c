/**
 * Where the story goes: a terminal, on which the table of members redraws in place below the lines, or plain lines. Decides
 * when there is colour and how wide a line may be.
 */

import type { WriteStream } from "node:tty"

import type { Claim, Screen } from "./story.ts"
import type { Mood, TableLine } from "./table.ts"

/** stdout or stderr, terminal or not. */
export type Output = NodeJS.WriteStream | WriteStream

export interface LiveScreen extends Screen {
  /** Draws the table anew, where there is one. */
  refresh(): void
}

export interface ScreenOptions {
  readonly output: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ms since the start. */
  readonly elapsedMs: () => number
  readonly table: () => readonly TableLine[]
}

type Paint = (text: string, code: number) => string

const BOLD = 1
const DIM = 2
const RED = 31
const GREEN = 32
const YELLOW = 33
const MOODS: Readonly<Record<Mood, number>> = { good: GREEN, busy: YELLOW, bad: RED, dim: DIM }
/** Fewer rows cannot hold the table and a story above it. */
const ROWS_MIN = 12

export function screen(options: ScreenOptions): LiveScreen {
  const { output, env } = options
  const lively = output.isTTY === true && env["TERM"] !== "dumb" && (output.rows ?? 0) >= ROWS_MIN
  // https://no-color.org: present and not empty, whatever its value.
  const coloured = lively && (env["NO_COLOR"] ?? "") === ""
  const paint: Paint = (text, code) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text)
  return lively ? terminal(options, paint) : plain(options)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(5)} s  `
}

function mark(ok: boolean): string {
  return ok ? "✓" : "✗"
}

function plain({ output, elapsedMs }: ScreenOptions): LiveScreen {
  const line = (text: string): void => void output.write(`${seconds(elapsedMs())}${text}\n`)
  return {
    scene: (title) => line(title),
    line: (text) => line(`  ${text}`),
    claim: ({ ok, name, detail }) => line(`  ${mark(ok)} ${name}: ${detail}`),
    end: (claims, verdict) => void output.write(`\n${summary(claims)}\n${verdict}\n`),
    refresh: () => undefined,
  }
}

/** What a claim was about stands above; only a failed one says it again. */
function summary(claims: readonly Claim[]): string {
  return claims
    .map(
      ({ ok, name, detail }) => `${mark(ok)} ${name}${ok ? "" : `: ${detail}`}
`,
    )
    .join("")
}

function terminal({ output, elapsedMs, table }: ScreenOptions, paint: Paint): LiveScreen {
  let drawn = 0
  const width = (): number => Math.max(20, (output.columns ?? 80) - 1)
  const cut = (text: string): string =>
    text.length <= width() ? text : `${text.slice(0, width() - 1)}…`
  const erase = (): string => (drawn === 0 ? "" : `\u001b[${drawn}A\u001b[J`)
  const below = (): string => {
    const lines = table()
    drawn = lines.length + 1
    const rows = lines.map(({ text, mood }) => {
      const fits = cut(`  ${text}`)
      return mood === null ? fits : paint(fits, MOODS[mood])
    })
    return `\n${rows.join("\n")}\n`
  }
  // One write for each change: a terminal never shows a half-drawn table.
  const line = (text: string, code?: number): void => {
    const wrapped = wrap(text, width() - INDENT.length)
    const [first = "", ...rest] = wrapped
    const painted = (part: string): string => (code === undefined ? part : paint(part, code))
    const lines = [
      `${paint(seconds(elapsedMs()), DIM)}${painted(first)}`,
      ...rest.map((part) => `${INDENT}${painted(part)}`),
    ]
    output.write(`${erase()}${lines.join("\n")}\n${below()}`)
  }
  return {
    scene: (title) => {
      output.write(`${erase()}\n`)
      drawn = 0
      line(title, BOLD)
    },
    line: (text) => line(`  ${text}`),
    claim: ({ ok, name, detail }) => line(`  ${mark(ok)} ${name}: ${detail}`, ok ? GREEN : RED),
    end: (claims, verdict, ok) => {
      output.write(`\n${summary(claims)}\n${paint(verdict, ok ? GREEN : RED)}\n`)
    },
    refresh: () => {
      if (drawn > 0) output.write(`${erase()}${below()}`)
    },
  }
}

const INDENT = " ".repeat(9)

/** Breaks at spaces; what belongs to a line keeps its indent. */
function wrap(text: string, width: number): readonly string[] {
  const indent = /^ */.exec(text)?.[0] ?? ""
  const lines: string[] = []
  let current = indent
  for (const word of text.trim().split(" ")) {
    const longer = current === indent ? `${current}${word}` : `${current} ${word}`
    if (longer.length <= width || current === indent) current = longer
    else {
      lines.push(current)
      current = `${indent}  ${word}`
    }
  }
  return [...lines, current]
}
