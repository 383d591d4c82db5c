/** Sets a profile up without taking part in its cluster. Decides what the options mean for the profile's record. */

import { hostname } from "node:os"

import { QuorateError } from "../core/base/errors.ts"
import { machineLock } from "../machine/lock.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import { sqliteStorage } from "../storage/sqlite.ts"
import type { SessionSettings } from "../wire/options.ts"
import { openProfile, type Profile, type Wanted } from "./profile.ts"
import { openOrCreateKey } from "./record.ts"

/** Takes the profile's lock. @throws QuorateError `HOST_BUSY`. */
export function hostLock(directory: ProfileDirectory): MachineLock {
  const lock = machineLock(directory.hostLock)
  if (lock.tryAcquire()) return lock
  lock.close()
  throw new QuorateError("HOST_BUSY", "retryable", `another process hosts ${directory.path}`, {
    hint: "stop it, or name another profile",
  })
}

/** Sets a profile up, or opens it with what it has. The caller holds the profile's lock. */
export async function setUp(
  directory: ProfileDirectory,
  settings: SessionSettings,
): Promise<Profile> {
  const sealed = await openOrCreateKey(directory, settings.key)
  const storage = sqliteStorage(directory.stateDb)
  try {
    return openProfile(directory, storage, sealed, wanted(settings))
  } finally {
    storage.close()
  }
}

/** What the options ask of the profile's record. */
export function wanted(settings: SessionSettings): Wanted {
  return {
    name: settings.name ?? hostname().slice(0, 64),
    listen: settings.cluster.listen,
    provider: settings.provider,
  }
}
