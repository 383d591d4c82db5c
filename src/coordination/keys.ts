/** Makes the cluster's next numbered token keys and wraps them to each member that may open them. */

import type { ClusterState, KeySet, MemberInfo } from "../core/refresh/types.ts"
import type { Crypto } from "../ports/sealer.ts"
import { wrapContext } from "./replica.ts"

const KEY_BYTES = 32

/** full: both keys. owner-only: the access key. witness: none. */
export function nextKeys(state: ClusterState, crypto: Crypto): KeySet {
  const number = (state.keys.at(-1)?.number ?? 0) + 1
  const access = crypto.randomBytes(KEY_BYTES)
  const refresh = crypto.randomBytes(KEY_BYTES)
  const wrap = (member: MemberInfo, purpose: string, key: Uint8Array): Uint8Array =>
    crypto.sealTo(
      member.encryptionKey,
      key,
      wrapContext(state.clusterId, number, purpose, member.id),
    )
  return {
    number,
    wraps: state.members.map((member) => ({
      member: member.id,
      access: member.capability === "witness" ? null : wrap(member, "access", access),
      refresh: member.capability === "full" ? wrap(member, "refresh", refresh) : null,
    })),
  }
}
