/** Processes that nobody here started directly, couriers above all, as the machine shows them. Linux alone. */

import { readdirSync, readFileSync } from "node:fs"

import { processesWith } from "../src/machine/lock-holder.ts"

/** Processes that run `program` (a part of their command line), with what the system shows of each. */
export function running(
  program: string,
): readonly { readonly pid: number; readonly shown: string }[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      if (!command.includes(program)) return []
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8")
      return [{ pid: Number(pid), shown: `${command}\0${environment}` }]
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}

export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])
}

/** The couriers that a process has started. */
export function couriersOf(pid: number | undefined): readonly { pid: number; shown: string }[] {
  return running("courier/program.ts").filter((courier) => {
    try {
      return parentOf(courier.pid) === pid
    } catch {
      return false
    }
  })
}

/** Our programs that serve this profile, whoever started them: couriers, and hosts that commit what a courier recorded. */
export function servantsOf(courierDb: string): readonly { pid: number; shown: string }[] {
  const here = new Set(processesWith(courierDb))
  return [...running("courier/program.ts"), ...running("session/committer.ts")].filter(({ pid }) =>
    here.has(pid),
  )
}
