/** A delay that was asked for by a knob. */

import { setTimeout as sleep } from "node:timers/promises"

/** Waits `ms`; at 0 not even a turn. Keeps no process alive. */
export async function pause(ms: number): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { ref: false })
}
