/**
 * Opens a profile: as its host, or as a guest of the process that is. Decides what is loaded when.
 *
 * The one late import here brings `host.ts` with the schemas (zod) and the composition: most processes of a profile are
 * guests, often of a CLI that lives 200 ms, and never need them. A guest that stays loads it ahead: with the host dead,
 * loading it would take ten times as long as all the rest of taking over.
 */

import type { SessionOptions } from "../wire/options.ts"
import { systemClock } from "../machine/clock.ts"
import { openProfileDirectory, type ProfileDirectory } from "../machine/profile.ts"
import { sqliteView } from "../storage/sqlite.ts"
import { whileAwake } from "./awake.ts"
import type { AtRest } from "../ports/sealer.ts"
import { checkProfileOption, wantedPlace, wantedProvider } from "./guest-options.ts"
import {
  notInitialized,
  openKey,
  openOrCreateKey,
  type ProfileRecord,
  readRecord,
  refuseOther,
} from "./record.ts"
import { Seat } from "./seat.ts"
import { ClusterSession } from "./session.ts"
import type { Session } from "./types.ts"

export { hostLock, setUp } from "./set-up.ts"

/** See `start.ts`. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const directory = openProfileDirectory(checkProfileOption(options))
  const place = wantedPlace(options)
  let key: AtRest | null = null
  // Kept for the next host's role: a keychain is asked by a process of its own, and may be locked by then.
  const keyOf = async (create: boolean): Promise<AtRest> =>
    (key ??= create ? await openOrCreateKey(directory, place) : await openKey(directory, place))
  const seat = new Seat({
    directory,
    clock: systemClock,
    random: Math.random,
    host: async (lock) => {
      try {
        const { hostProfile } = await import("./host.ts")
        return await hostProfile(directory, lock, options, keyOf)
      } catch (error) {
        lock.close()
        throw error
      }
    },
    // What is wrong with it is told to whoever takes over.
    prepare: () => void import("./host.ts").catch(() => {}),
  })
  await whileAwake(seat.take())
  try {
    const record = recordOf(directory, await whileAwake(keyOf(false)))
    // A host has compared them already, with all the rest of the options.
    if (seat.role !== "host") refuseOther(record, wantedProvider(options), directory.path)
    return new ClusterSession({
      coordinator: seat.coordinator,
      clock: systemClock,
      provider: record.provider,
      release: () => {},
    })
  } catch (error) {
    await seat.coordinator.close()
    throw error
  }
}

/** What the profile was set up with, read beside the host. */
function recordOf(directory: ProfileDirectory, key: AtRest): ProfileRecord {
  const record = readRecord(sqliteView(directory.stateDb), key)
  if (record === null) throw notInitialized(directory.path)
  return record
}
