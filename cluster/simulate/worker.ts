/** One thread of a simulation: runs each seed it is given and tells what came of it. */

import { parentPort } from "node:worker_threads"

import { runSeed } from "../../src/testing/swarm.ts"

async function work(seed: number): Promise<void> {
  try {
    const report = await runSeed(seed)
    // A trace is long, and only read when something is wrong.
    const trace = report.violations.length === 0 ? [] : report.trace
    parentPort?.postMessage({ ...report, trace })
  } catch (error) {
    const violations = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
    parentPort?.postMessage({ seed, violations, trace: [], broken: true })
  }
}

parentPort?.on("message", (seed: number) => void work(seed))
