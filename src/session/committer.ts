/**
 * A program that a courier starts when it has recorded an answer and nobody hosts the profile: takes part until the answer is
 * in the log, then ends. Decides how long; it asks for nothing and refreshes nothing.
 *
 * Arguments: the profile's directory, and the members file where the application named one.
 */

import { existsSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"

import { profileDirectory } from "../machine/profile.ts"
import { sqliteJournal } from "../storage/sqlite-journal.ts"
import { openSession } from "./open.ts"

const LOOK_MS = 50
const LIFE_MS = 60_000

async function commitKept(path: string, members: string | undefined): Promise<void> {
  const { courierDb, stateDb } = profileDirectory(path)
  // Opening would make a new directory where somebody has removed the profile.
  if (!existsSync(courierDb) || !existsSync(stateDb)) return
  const session = await openSession({ profile: path, cluster: { members } })
  const journal = sqliteJournal(courierDb)
  try {
    const until = performance.now() + LIFE_MS
    // The log has it when its answer is let go of.
    while (journal.answered().length > 0 && performance.now() < until) await pause(LOOK_MS)
  } finally {
    journal.close()
    await session.close()
  }
}

const [profile, members] = process.argv.slice(2)
if (profile !== undefined) await commitKept(profile, members)
