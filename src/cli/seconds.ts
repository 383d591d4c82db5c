/** Durations as they are written on the command line: whole or decimal seconds, within bounds. */

import { InvalidArgumentError } from "commander"

/** A parser for commander that gives milliseconds. */
export function secondsBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const seconds = /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
    if (seconds >= min && seconds <= max) return Math.round(seconds * 1_000)
    throw new InvalidArgumentError(`It must be a number of seconds, ${min} to ${max}.`)
  }
}
