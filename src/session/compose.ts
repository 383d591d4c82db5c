/**
 * Joins the rooms into one member: the only file that knows them all, and the only one that loads the network. Decides
 * which founders a new store starts with; everything else belongs to the rooms.
 */

import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"

import { QuorateError } from "../core/base/errors.ts"
import type { RaftOptions } from "../core/raft/types.ts"
import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import type { MemberId, MemberInfo } from "../core/refresh/types.ts"
import { clusterCoordinator } from "../coordination/cluster.ts"
import { detachedCourier } from "../courier/detached.ts"
import { programBeside } from "../courier/start.ts"
import { dialAhead } from "../endpoint/ahead.ts"
import { sendExchange } from "../endpoint/exchange.ts"
import { tokenEndpoint } from "../endpoint/token-endpoint.ts"
import { MetadataCache } from "../endpoint/metadata.ts"
import { systemClock } from "../machine/clock.ts"
import { machineLock } from "../machine/lock.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import type { Storage } from "../ports/storage.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"
import { nodeCrypto } from "../seal/crypto.ts"
import { publicKeyOf } from "../seal/member-key.ts"
import { sqliteJournal } from "../storage/sqlite-journal.ts"
import { genesisText, type MembersFile, parseMembers } from "../wire/members.ts"
import type { Profile } from "./profile.ts"
import { keepView } from "./kept-view.ts"

export interface ComposeOptions {
  readonly listen: readonly string[]
  /** Path of the members file; null: the profile's own, where there is one. */
  readonly members: string | null
  readonly lastResort: LastResort
  readonly fallback: Fallback
}

/** Fits a loopback and a home network: a lost leader is noticed in 1 s to 2 s. */
const PACING: Omit<RaftOptions, "self"> = {
  electionMs: 1_000,
  heartbeatMs: 200,
  appendBytesMax: 64 * 1_024,
  pendingMax: 64,
}

/** The first incarnation of a key. Higher ones come with rollback detection. */
export function memberIdOf(memberKey: string): MemberId {
  return `${memberKey}.1`
}

/** The founders: of the members file, or this profile alone. @throws QuorateError `INVALID_OPTIONS` naming file and field. */
export function foundersOf(profile: Profile, members: string | null): MembersFile {
  const path = members ?? profile.directory.membersFile
  if (members === null && !existsSync(path)) return alone(profile)
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    const message = `the members file ${path} cannot be read`
    throw new QuorateError("INVALID_OPTIONS", "usage", message, { cause: error })
  }
  const founders = parseMembers(text)
  const me = founders.members.find(({ key }) => key === profile.identity.memberKey)
  if (me === undefined) {
    throw new QuorateError("NOT_A_MEMBER", "refused", `${path} does not name this profile`, {
      hint: `add a member with the key ${profile.identity.memberKey}`,
    })
  }
  if (!Buffer.from(me.encryptionKey).equals(profile.identity.encryptionKey)) {
    const message = `${path} gives this profile another encryption_key than its own`
    throw new QuorateError("INVALID_OPTIONS", "usage", message, {
      hint: `it is ${Buffer.from(profile.identity.encryptionKey).toString("base64url")}`,
    })
  }
  for (const { key } of founders.members) publicKeyOf(key)
  return founders
}

function alone(profile: Profile): MembersFile {
  const { identity, record } = profile
  const { memberKey: key, encryptionKey } = identity
  return {
    clusterId: record.clusterId,
    members: [
      { key, name: record.name, encryptionKey, addresses: [], role: "voter", capability: "full" },
    ],
  }
}

/** Digest of who founded the cluster; members that differ in it would count different quorums. */
export function genesisDigest(founders: MembersFile): string {
  return createHash("sha256").update(genesisText(founders)).digest("hex")
}

/** A new store starts with the founders; an old one must have had the same. */
function bootstrap(storage: Storage, founders: MembersFile, path: string): void {
  const digest = Buffer.from(genesisDigest(founders), "utf8")
  const known = storage.readBlob("genesis")
  if (known !== null && !digest.equals(known)) {
    throw new QuorateError("INVALID_OPTIONS", "usage", `${path} was founded with other members`, {
      hint: "restore the members file that this profile was started with; names and addresses may change",
    })
  }
  if (known === null) storage.writeBlob("genesis", digest)
  if (storage.load() !== null) return
  const ids = (role: "voter" | "learner"): readonly MemberId[] =>
    founders.members
      .filter((member) => member.role === role)
      .map(({ key }) => memberIdOf(key))
      .toSorted()
  storage.bootstrap({
    hard: { term: 0, votedFor: null },
    snapshot: {
      index: 0,
      term: 0,
      config: { voters: ids("voter"), learners: ids("learner") },
      data: new Uint8Array(),
    },
    entries: [],
  })
}

/** Loads libp2p, which takes a few hundred milliseconds: only a member with somebody to talk to pays for it. */
async function network(
  profile: Profile,
  founders: MembersFile,
  listen: readonly string[],
): Promise<Transport | null> {
  const self = memberIdOf(profile.identity.memberKey)
  const peers: readonly PeerAddress[] = founders.members
    .map(({ key, addresses }) => ({ id: memberIdOf(key), addresses }))
    .filter(({ id }) => id !== self)
  if (peers.length === 0) return null
  const { p2pTransport } = await import("../p2p/transport.ts")
  return p2pTransport({
    identity: profile.identity,
    publicKeyOf,
    self,
    name: profile.record.name,
    clusterId: founders.clusterId,
    genesis: genesisDigest(founders),
    listen,
    peers,
    random: Math.random,
  })
}

/** One member on this profile's store, not started yet. The caller holds the host's lock. */
export async function compose(
  profile: Profile,
  storage: Storage,
  options: ComposeOptions,
): Promise<Coordinator> {
  const { directory, identity } = profile
  const founders = foundersOf(profile, options.members)
  bootstrap(storage, founders, directory.path)
  const transport = await network(profile, founders, options.listen)
  const metadata = new MetadataCache()
  const committer = programBeside(import.meta.url, "committer")
  const courier = detachedCourier({
    files: {
      journal: directory.courierDb,
      lock: directory.courierLock,
      hostLock: directory.hostLock,
    },
    committer:
      committer === null ? [] : [committer, directory.path, ...givenMembers(options.members)],
    journal: sqliteJournal(directory.courierDb),
    lock: machineLock(directory.courierLock),
    send: sendExchange,
    dial: dialAhead,
    crypto: nodeCrypto,
    identity,
    clock: systemClock,
  })
  const members: readonly MemberInfo[] = founders.members.map((member) => ({
    id: memberIdOf(member.key),
    name: member.name,
    capability: member.capability,
    encryptionKey: member.encryptionKey,
  }))
  const coordinator = clusterCoordinator({
    self: memberIdOf(identity.memberKey),
    clusterId: founders.clusterId,
    members,
    clock: systemClock,
    random: Math.random,
    storage,
    transport,
    courier,
    endpoint: (settings, clientSecret) => tokenEndpoint({ settings, clientSecret, metadata }),
    crypto: nodeCrypto,
    identity,
    send: sendExchange,
    raft: PACING,
    lastResort: options.lastResort,
    fallback: options.fallback,
  })
  keepView(coordinator, storage, profile.atRest)
  return coordinator
}

/** A process of ours works in another directory. */
function givenMembers(path: string | null): readonly string[] {
  return path === null ? [] : [resolve(path)]
}
