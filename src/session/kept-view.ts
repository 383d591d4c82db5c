/**
 * Keeps the newest token written down for processes that do not host the member. Decides when it is written, and that an older
 * one never replaces a newer.
 */

import { isOlder } from "../core/refresh/head.ts"
import { systemClock } from "../machine/clock.ts"
import type { Coordinator, CurrentToken } from "../ports/coordinator.ts"
import type { AtRest } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { openView, sealView } from "./view.ts"

/** Writing syncs: it lets the other members' acknowledgements go first. A host that closes before writes at once. */
const VIEW_AFTER_MS = 40

export type ViewStorage = Pick<Storage, "readBlob" | "writeBlob">

/** Writes each new token for readers without a host, after those who wait for it were served. */
export function keepView(coordinator: Coordinator, storage: ViewStorage, atRest: AtRest): void {
  coordinator.subscribe((event) => {
    if (event.type !== "token") return
    systemClock.timer(systemClock.nowMs() + VIEW_AFTER_MS, () => {
      try {
        renewView(coordinator, storage, atRest)
      } catch {
        // The store has failed or was closed: the member stops by itself, and readers keep the older view.
      }
    })
  })
}

/**
 * Writes the token down where that was left undone: by a host that was killed, or by this one when it closes in the same
 * moment.
 *
 * A host that has just started may know less than the one before it: what that one learnt last was committed, and whether it is
 * tells only the next leader.
 *
 * @throws QuorateError kind `store`.
 */
export function renewView(
  coordinator: Pick<Coordinator, "status" | "token">,
  storage: ViewStorage,
  atRest: AtRest,
): void {
  const { cause, epoch, generation } = coordinator.status()
  if (cause === "store_failed") return
  const token = coordinator.token()
  const bytes = storage.readBlob("view")
  if (token === null && bytes === null) return
  const known = bytes === null ? null : openView(bytes, atRest)
  if (isSame(known, token)) return
  if (known !== null && isOlder({ epoch, generation }, known)) return
  storage.writeBlob("view", sealView(token, atRest))
}

/** An uptime of the machine's last run means nothing in this one. */
function isSame(known: CurrentToken | null, token: CurrentToken | null): boolean {
  if (known === null || token === null) return known === token
  const isNear = Math.abs(known.endsAtUptimeMs - token.endsAtUptimeMs) < 1_000
  return known.epoch === token.epoch && known.generation === token.generation && isNear
}
