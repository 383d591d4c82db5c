/**
 * Makes this process the host of a profile. Decides the order in which its files are taken and let go; what a member is
 * made of is `compose.ts`. Loaded when the lock is held and not before: it brings the schemas and, for a member with
 * peers, the network, which a guest does without.
 */

import { serveGuests } from "../machine/host-socket.ts"
import { systemClock } from "../machine/clock.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import type { AtRest } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { sqliteStorage } from "../storage/sqlite.ts"
import { parseSessionOptions, type SessionOptions } from "../wire/options.ts"
import { compose } from "./compose.ts"
import { openProfile, type Profile } from "./profile.ts"
import type { Hosted } from "./seat.ts"
import { wanted } from "./set-up.ts"
import { renewView } from "./kept-view.ts"

/** A refresh that this very process carries is waited for when the session closes, in ms: its answer would be lost. */
const LINGER_MS = 10_000

/**
 * Opens the store, starts the member, serves the guests. The caller holds `lock`, which is freed by `close`, last, or
 * when this throws.
 *
 * @param keyOf the profile's key; `create` makes it where there is none.
 * @throws QuorateError like `openSession`.
 */
export async function hostProfile(
  directory: ProfileDirectory,
  lock: MachineLock,
  options: SessionOptions,
  keyOf: (create: boolean) => Promise<AtRest>,
): Promise<Hosted> {
  try {
    const settings = parseSessionOptions(options)
    const sealed = await keyOf(settings.provider !== null)
    const storage = sqliteStorage(directory.stateDb)
    try {
      const profile = openProfile(directory, storage, sealed, wanted(settings))
      const { listen } = profile.record
      const { members } = settings.cluster
      const coordinator = await compose(profile, storage, {
        listen,
        members,
        lastResort: settings.lastResort,
        fallback: settings.fallback,
      })
      return await serve(coordinator, storage, profile, lock)
    } catch (error) {
      storage.close()
      throw error
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

async function serve(
  coordinator: Coordinator,
  storage: Storage,
  profile: Profile,
  lock: MachineLock,
): Promise<Hosted> {
  try {
    await coordinator.start()
    renewView(coordinator, storage, profile.atRest)
    const guests = await serveGuests(profile.directory.socket, coordinator)
    return {
      coordinator,
      close: async () => {
        try {
          await unlessCarrying(coordinator)
          renewView(coordinator, storage, profile.atRest)
          await guests.close()
          await coordinator.close()
        } finally {
          // Whatever failed before: without this nobody could take the member over while the application lives.
          lock.close()
        }
      },
    }
  } catch (error) {
    await coordinator.close()
    throw error
  }
}

/** Resolves when this process carries nothing that would be lost with it, or after {@link LINGER_MS}. */
function unlessCarrying(coordinator: Coordinator): Promise<void> {
  const isCarrying = (): boolean => {
    const { courier, holder, members, cause } = coordinator.status()
    if (courier === "process" || cause === "in_doubt") return false
    return members.some(({ id, self }) => self && id === holder)
  }
  if (!isCarrying()) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel()
      unsubscribe()
      resolve()
    }
    const cancel = systemClock.timer(systemClock.nowMs() + LINGER_MS, finish)
    const unsubscribe = coordinator.subscribe(() => {
      if (!isCarrying()) finish()
    })
  })
}
