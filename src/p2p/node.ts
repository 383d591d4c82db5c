/**
 * The libp2p node: TCP, Noise and Yamux, configured to be silent when idle. Decides every setting that differs from
 * libp2p's defaults and why. Leaves connections to transport.ts.
 */

import { noise } from "@chainsafe/libp2p-noise"
import { yamux } from "@chainsafe/libp2p-yamux"
import { generateKeyPairFromSeed, publicKeyFromRaw } from "@libp2p/crypto/keys"
import type { ConnectionGater, Libp2p, MessageStream } from "@libp2p/interface"
import { peerIdFromPublicKey } from "@libp2p/peer-id"
import { tcp } from "@libp2p/tcp"
import { createLibp2p } from "libp2p"

/** The longest a Node timer can run, some 25 days: idle links must not be closed by a timer of the transport. */
const NEVER_MS = 2 ** 31 - 1
/** For one dial with all its handshakes, and for an inbound upgrade. */
export const DIAL_TIMEOUT_MS = 5_000

export interface NodeOptions {
  /** 32-byte Ed25519 seed: the key that Noise proves. */
  readonly signingSeed: Uint8Array
  readonly listen: readonly string[]
  readonly gater: ConnectionGater
}

/** The text of the peer id that belongs to a raw 32-byte Ed25519 public key. */
export function peerIdText(publicKey: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString()
}

/** Creates a node and starts listening. @throws when it can listen on none of the addresses. */
export async function startNode(options: NodeOptions): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", options.signingSeed),
    addresses: { listen: [...options.listen] },
    transports: [
      tcp({
        inboundSocketInactivityTimeout: NEVER_MS,
        outboundSocketInactivityTimeout: NEVER_MS,
      }),
    ],
    connectionEncrypters: [inOnePiece(noise())],
    streamMuxers: [
      yamux({
        // Raft's own traffic, and the probe of link.ts, tell the dead from the living; an idle link stays silent.
        enableKeepAlive: false,
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
        // The framed stream waits for `drain`, so this is a last defence; it must hold one frame on top of a window.
        streamOptions: { inactivityTimeout: NEVER_MS, maxWriteBufferLength: 1_048_576 },
      }),
    ],
    connectionGater: options.gater,
    // It would ping every connection every ten seconds.
    connectionMonitor: { enabled: false },
    connectionManager: {
      // All local members share one address, so the default of 5 a second would refuse a cluster that starts together.
      inboundConnectionThreshold: 1_000,
      maxIncomingPendingConnections: 100,
      inboundUpgradeTimeout: DIAL_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: DIAL_TIMEOUT_MS,
      // Above what 32 members need: the pruner must never choose among live links.
      maxConnections: 256,
      reconnectRetries: 0,
    },
    services: { promptExit },
  })
}

/**
 * Noise hands its two bytes of length and its ciphertext over one by one (libp2p-noise 17.0.0), and TCP makes a packet of
 * each: two calls of the system, and a peer that wakes up twice for every message.
 */
function inOnePiece(encrypter: EncrypterFactory): EncrypterFactory {
  return (components) => {
    const inner = encrypter(components)
    const secureInbound: typeof inner.secureInbound = (connection, options) =>
      inner.secureInbound(joined(connection), options)
    const secureOutbound: typeof inner.secureOutbound = (connection, options) =>
      inner.secureOutbound(joined(connection), options)
    return { protocol: inner.protocol, secureInbound, secureOutbound }
  }
}

type EncrypterFactory = ReturnType<typeof noise>

function joined<T extends MessageStream>(connection: T): T {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data.subarray())
  return connection
}

/**
 * libp2p's address manager answers the closing of its listeners with a timer of one second that nothing ends
 * (libp2p 3.3.11): a command that is done would linger for it.
 */
function promptExit(components: object): { start(): void; stop(): void; afterStop(): void } {
  return {
    start: () => undefined,
    stop: () => undefined,
    afterStop() {
      const { addressManager } = components as { addressManager?: LingeringAddressManager }
      addressManager?._updatePeerStoreAddresses?.stop?.()
    },
  }
}

interface LingeringAddressManager {
  readonly _updatePeerStoreAddresses?: { readonly stop?: () => void }
}
