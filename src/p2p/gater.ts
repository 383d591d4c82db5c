/**
 * Who gets through the door: approved members alone, in both directions, by the key that Noise proved. The one authority
 * of the network; what an admitted peer says is checked later.
 */

import type { ConnectionGater } from "@libp2p/interface"

/**
 * @param isApproved asked with the text of a peer id.
 * @param denied called when a stranger knocked.
 */
export function memberGater(
  isApproved: (peerId: string) => boolean,
  denied: () => void,
): ConnectionGater {
  return {
    denyDialPeer: (peer) => !isApproved(peer.toString()),
    denyDialMultiaddr: () => false,
    denyOutboundConnection: (peer) => !isApproved(peer.toString()),
    denyOutboundEncryptedConnection: (peer) => !isApproved(peer.toString()),
    denyInboundEncryptedConnection: (peer) => {
      const deny = !isApproved(peer.toString())
      if (deny) denied()
      return deny
    },
    denyInboundRelayReservation: () => true,
    denyInboundRelayedConnection: () => true,
    denyOutboundRelayedConnection: () => true,
  }
}
