/** How numbers are put together and printed. */

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Nearest rank: a value that was measured, never one in between. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function medianOf(numbers: readonly number[]): number {
  return percentile(numbers, 0.5)
}

/** The names of {@link row}'s columns. */
export function head(unit: string = "ms"): void {
  const columns = ["median", "p95", "max"].map((one) => one.padStart(8))
  print(`  ${unit.padEnd(46)}${columns.join("")}`)
}

export function row(name: string, numbers: readonly number[]): void {
  const cells = [0.5, 0.95, 1].map((share) => percentile(numbers, share).toFixed(1).padStart(8))
  print(`  ${name.padEnd(46)}${cells.join("")}`)
}

/** A measured value beside what it must reach. */
export function goal(name: string, value: number, most: number, unit: string): void {
  const digits = value < 10 ? 2 : 1
  const verdict = value <= most ? "within" : "MISSES"
  const ratio = (value / most).toFixed(2)
  print(
    `  ${name}: ${value.toFixed(digits)}${unit}, ${verdict} the goal of ${most}${unit} (${ratio} of it)`,
  )
}
