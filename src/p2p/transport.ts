/**
 * The transport between members: one link per pair of members, kept for ever. Decides which of two links of a pair
 * stays and when peers are told of each other. Leaves sockets to node.ts, hellos to link.ts, patience to reconnect.ts.
 */

import type { Connection, Libp2p, Stream } from "@libp2p/interface"
import { multiaddr } from "@multiformats/multiaddr"
import { QuorateError } from "../core/base/errors.ts"
import type { Random } from "../core/base/random.ts"
import type { MemberId } from "../core/refresh/types.ts"
import type { PeerAddress, Transport, TransportHandlers, WireMessage } from "../ports/transport.ts"
import { type Hello, WIRE_VERSION } from "../wire/messages.ts"
import { memberGater } from "./gater.ts"
import { keyOf, type Link, openLink } from "./link.ts"
import { DIAL_TIMEOUT_MS, peerIdText, startNode } from "./node.ts"
import { type Reconnect, reconnect } from "./reconnect.ts"
import { after } from "./timer.ts"

const PROTOCOL = "/quorate/1"
/** Two links of a pair that both became ready within this time come from dialling each other at the same moment. */
const RACE_MS = 2_000
/** Longest name that a hello may carry. */
const NAME_MAX = 64
/** How long a spare link must outlive the other one to be used in its place. */
const SPARE_MS = 50
/** Code of the `/p2p/<id>` part of a multiaddr, which peers add themselves. */
const P2P_CODE = 421

export interface P2pOptions {
  readonly identity: {
    readonly memberKey: string
    /** 32-byte Ed25519 seed. */
    readonly signingSeed: Uint8Array
  }
  /** The raw 32-byte Ed25519 key of a member key. @throws when it is none. */
  readonly publicKeyOf: (memberKey: string) => Uint8Array
  /** `<key>.<incarnation>` */
  readonly self: MemberId
  /** For people; cut at 64 characters. */
  readonly name: string
  readonly clusterId: string
  /** Digest of the genesis. */
  readonly genesis: string
  /** Multiaddrs, e.g. `/ip4/127.0.0.1/tcp/0`; empty: it only calls others. */
  readonly listen: readonly string[]
  /** The approved members, in any incarnation; nobody else gets in. May name the member itself. */
  readonly peers: readonly PeerAddress[]
  /** For jitter. */
  readonly random: Random
}

/** A {@link Transport} over TCP, Noise and Yamux. Nothing happens before `start`, which may reject with QuorateError. */
export function p2pTransport(options: P2pOptions): Transport {
  return new P2pTransport(options)
}

interface Peer {
  readonly key: string
  readonly peerId: string
  readonly addresses: readonly string[]
  /** The link that counts, once ready. */
  link: { readonly link: Link; readonly member: MemberId; readonly sinceMs: number } | null
  /** Null: no address is known, it must call us. */
  redial: Reconnect | null
}

class P2pTransport implements Transport {
  readonly #options: P2pOptions
  readonly #hello: Hello
  readonly #peers = new Map<string, Peer>()
  readonly #byPeerId = new Map<string, Peer>()
  /** Every link that has not ended, ready or not. */
  readonly #links = new Set<Link>()
  #handlers: TransportHandlers | null = null
  #node: Libp2p | null = null
  #closed = false

  constructor(options: P2pOptions) {
    this.#options = options
    this.#hello = {
      version: WIRE_VERSION,
      clusterId: options.clusterId,
      member: options.self,
      name: options.name.slice(0, NAME_MAX),
      genesis: options.genesis,
    }
    for (const { id, addresses } of options.peers) {
      const key = keyOf(id)
      if (key === options.identity.memberKey) continue
      const peerId = peerIdText(options.publicKeyOf(key))
      const peer: Peer = { key, peerId, addresses, link: null, redial: null }
      this.#peers.set(key, peer)
      this.#byPeerId.set(peerId, peer)
    }
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers
    const gater = memberGater(
      (peerId) => this.#byPeerId.has(peerId),
      () => this.#handlers?.refused?.("not-a-member"),
    )
    const { identity, listen } = this.#options
    let node: Libp2p
    try {
      node = await startNode({ signingSeed: identity.signingSeed, listen, gater })
    } catch (error) {
      const message = `cannot listen on ${listen.join(", ")}`
      const hint = "Is the port in use, or is the address not one of this machine?"
      throw new QuorateError("INVALID_OPTIONS", "usage", message, { cause: error, hint })
    }
    if (this.#closed) {
      await node.stop()
      return
    }
    this.#node = node
    const take = (stream: Stream, connection: Connection): void => {
      this.#adopt(stream, connection)
    }
    await node.handle(PROTOCOL, take, { maxInboundStreams: 1 })
    for (const peer of this.#peers.values()) this.#keep(peer)
  }

  send(to: MemberId, message: WireMessage): void {
    const current = this.#peers.get(keyOf(to))?.link
    if (current?.member === to) current.link.send(message)
  }

  addresses(): readonly string[] {
    return (this.#node?.getMultiaddrs() ?? []).map((address) =>
      address.decapsulateCode(P2P_CODE).toString(),
    )
  }

  kick(): void {
    for (const peer of this.#peers.values()) {
      peer.link?.link.probe()
      peer.redial?.kick()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#handlers = null
    for (const peer of this.#peers.values()) peer.redial?.stop()
    for (const link of this.#links) link.close("closed")
    const node = this.#node
    this.#node = null
    await node?.stop()
  }

  #keep(peer: Peer): void {
    if (peer.addresses.length === 0) return
    peer.redial = reconnect({
      attempt: () => this.#dial(peer),
      random: this.#options.random,
      nowMs: () => performance.now(),
      after,
    })
  }

  async #dial(peer: Peer): Promise<void> {
    const node = this.#node
    if (node === null || this.#closed) return
    const addresses = peer.addresses.map((address) => multiaddr(`${address}/p2p/${peer.peerId}`))
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS)
    // Forced: a link owns its connection, so it never opens its stream on one that the peer made.
    const connection = await node.dial(addresses, { signal, force: true })
    let stream: Stream
    try {
      stream = await connection.newStream(PROTOCOL, { signal })
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error("no stream"))
      throw error
    }
    const link = this.#adopt(stream, connection)
    await link?.settled
  }

  /** Synchronous from the opened stream on, or its first bytes would be lost. */
  #adopt(stream: Stream, connection: Connection): Link | null {
    const peer = this.#byPeerId.get(connection.remotePeer.toString())
    if (peer === undefined || this.#closed) {
      connection.abort(new Error("not a member"))
      return null
    }
    const link = openLink(
      { connection, stream, key: peer.key, hello: this.#hello },
      {
        ready: (one) => this.#ready(peer, one),
        message: (one, message) => {
          if (peer.link === null) this.#use(peer, one)
          if (one.member !== null) this.#handlers?.message(one.member, message)
        },
        yielded: () => this.#moveOver(peer),
        ended: (one, reason) => this.#ended(peer, one, reason),
      },
    )
    this.#links.add(link)
    return link
  }

  /**
   * When each side dialled the other at once, both links become ready. The smaller key decides: it keeps the first and
   * yields the second; the other side moves over and closes that one, so that no message is lost; in that moment two
   * messages on different links may overtake each other. A link that comes later was dialled by a peer that had lost the old one, whether we have noticed or not.
   */
  #ready(peer: Peer, link: Link): void {
    const current = peer.link
    if (current === null) {
      this.#use(peer, link)
      return
    }
    const raced =
      link.member === current.member &&
      link.outbound !== current.link.outbound &&
      performance.now() - current.sinceMs <= RACE_MS
    if (!raced) {
      peer.link = null
      current.link.close("replaced")
      this.#handlers?.peer(current.member, false)
      this.#use(peer, link)
    } else if (this.#options.identity.memberKey < peer.key) link.yield()
    else this.#moveOver(peer)
  }

  /** Closes what the peer gave up, once the link that it prefers is ready here too: that may be a moment later. */
  #moveOver(peer: Peer): void {
    const ours = [...this.#links].filter((one) => one.ready && one.key === peer.key)
    const kept = ours.find((one) => !one.yielded)
    if (kept === undefined || kept.member === null) return
    if (peer.link?.link.yielded === true) peer.link = { ...peer.link, link: kept }
    for (const one of ours) if (one.yielded) one.close("yielded")
  }

  #use(peer: Peer, link: Link): void {
    const { member } = link
    if (member === null) return
    peer.link = { link, member, sinceMs: performance.now() }
    peer.redial?.up()
    this.#handlers?.peer(member, true)
  }

  #ended(peer: Peer, link: Link, reason: string): void {
    this.#links.delete(link)
    if (REFUSALS.has(reason) || reason.startsWith("bad-frame")) this.#handlers?.refused?.(reason)
    if (peer.link?.link !== link) return
    const { member } = peer.link
    peer.link = null
    this.#handlers?.peer(member, false)
    const other = this.#otherLink(peer)
    if (other === undefined) peer.redial?.down()
    else after(SPARE_MS, () => this.#useSpare(peer))
  }

  /** A second link is there when both dialled and none of the two was given up yet; a closing peer ends both. */
  #useSpare(peer: Peer): void {
    if (peer.link !== null || this.#closed) return
    const other = this.#otherLink(peer)
    if (other === undefined) peer.redial?.down()
    else this.#use(peer, other)
  }

  #otherLink(peer: Peer): Link | undefined {
    return [...this.#links].find((one) => one.ready && one.key === peer.key)
  }
}

/** Ends that are worth telling; the others are ordinary breaks. */
const REFUSALS: ReadonlySet<string> = new Set([
  "wrong-version",
  "wrong-cluster",
  "wrong-genesis",
  "wrong-identity",
  "hello-timeout",
  "silent",
])
