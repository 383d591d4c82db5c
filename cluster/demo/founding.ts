/**
 * Founds a cluster on disk: a profile per member in a fresh directory, and in each the members file that names all of
 * them. Decides where they lie; what is in a profile is the session's.
 */

import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { openProfileDirectory, type ProfileDirectory } from "../../src/machine/profile.ts"
import type { Identity } from "../../src/ports/sealer.ts"
import { setUp } from "../../src/session/open.ts"
import type { ProviderOptions } from "../../src/session/types.ts"
import { parseSessionOptions } from "../../src/wire/options.ts"

export interface Founded {
  readonly directories: ReadonlyMap<string, ProfileDirectory>
  /** Whose key opens what their couriers recorded. */
  readonly identities: ReadonlyMap<string, Identity>
  /** Removes everything. */
  remove(): void
}

/** @param address where `from` is told to find `to`; the same name twice: where it listens. */
export async function found(
  names: readonly string[],
  provider: ProviderOptions,
  address: (from: string, to: string) => string,
): Promise<Founded> {
  // Made with mode 0700.
  const root = mkdtempSync(join(tmpdir(), "quorate-demo-"))
  const remove = (): void => rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  try {
    const founding = names.map(async (name) => {
      const directory = openProfileDirectory(join(root, name))
      const cluster = { listen: [address(name, name)] }
      // These profiles are gone in a minute: nothing of them shall stay in a keychain.
      const options = { profile: directory.path, name, provider, cluster, key: "file" } as const
      return { name, directory, profile: await setUp(directory, parseSessionOptions(options)) }
    })
    const profiles = await Promise.all(founding)
    const clusterId = randomBytes(16).toString("hex")
    for (const { name: from, directory } of profiles) {
      const members = profiles.map(({ name, profile: { identity } }) => ({
        key: identity.memberKey,
        name,
        encryption_key: Buffer.from(identity.encryptionKey).toString("base64url"),
        addresses: [address(from, name)],
      }))
      writeFileSync(directory.membersFile, JSON.stringify({ cluster_id: clusterId, members }), {
        mode: 0o600,
      })
    }
    return {
      directories: new Map(profiles.map((one) => [one.name, one.directory])),
      identities: new Map(profiles.map((one) => [one.name, one.profile.identity])),
      remove,
    }
  } catch (error) {
    remove()
    throw error
  }
}
