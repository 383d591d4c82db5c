/**
 * Opens a profile: becomes its host, or says who is. Decides the order in which the profile's files are taken and let go;
 * what a member is made of is `compose.ts`.
 */

import { hostname } from "node:os"

import { QuorateError } from "../core/base/errors.ts"
import { systemClock } from "../machine/clock.ts"
import { machineLock } from "../machine/lock.ts"
import { openProfileDirectory, type ProfileDirectory } from "../machine/profile.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import { sqliteStorage } from "../storage/sqlite.ts"
import { parseSessionOptions, type SessionOptions, type SessionSettings } from "../wire/options.ts"
import { compose } from "./compose.ts"
import { openKey, openProfile, type Profile } from "./profile.ts"
import { ClusterSession } from "./session.ts"
import type { Session } from "./types.ts"

/**
 * Opens the session of one profile and takes part in its cluster.
 *
 * A new profile needs `provider`. Resolves when the member runs; it waits neither for peers nor for a token.
 *
 * @throws QuorateError `INVALID_OPTIONS` naming every problem, `NOT_INITIALIZED`, `PROVIDER_MISMATCH`, `HOST_BUSY` when
 *   another process hosts the profile, kind `store` when its files cannot be used.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const settings = parseSessionOptions(options)
  const directory = openProfileDirectory(settings.profile)
  const lock = hostLock(directory)
  try {
    return await host(directory, lock, settings)
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Takes the profile's lock. @throws QuorateError `HOST_BUSY`. */
export function hostLock(directory: ProfileDirectory): MachineLock {
  const lock = machineLock(directory.hostLock)
  if (lock.tryAcquire()) return lock
  lock.close()
  throw new QuorateError("HOST_BUSY", "retryable", `another process hosts ${directory.path}`, {
    hint: "stop it, or name another profile",
  })
}

/** Sets a profile up, or opens it with what it has, without taking part in its cluster. */
export function setUp(directory: ProfileDirectory, settings: SessionSettings): Profile {
  const storage = sqliteStorage(directory.stateDb)
  try {
    return openProfile(
      directory,
      storage,
      openKey(directory, settings.provider !== null),
      wanted(settings),
    )
  } finally {
    storage.close()
  }
}

function wanted(settings: SessionSettings): Parameters<typeof openProfile>[3] {
  return {
    name: settings.name ?? hostname().slice(0, 64),
    listen: settings.cluster.listen,
    provider: settings.provider,
  }
}

async function host(
  directory: ProfileDirectory,
  lock: MachineLock,
  settings: SessionSettings,
): Promise<Session> {
  const sealed = openKey(directory, settings.provider !== null)
  const storage = sqliteStorage(directory.stateDb)
  try {
    const profile = openProfile(directory, storage, sealed, wanted(settings))
    const { listen } = profile.record
    const coordinator = await compose(profile, storage, {
      listen,
      members: settings.cluster.members,
    })
    await coordinator.start()
    return new ClusterSession({
      coordinator,
      clock: systemClock,
      provider: profile.record.provider,
      release: () => lock.close(),
    })
  } catch (error) {
    storage.close()
    throw error
  }
}
