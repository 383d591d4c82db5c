/** `init`: sets a profile up. Decides when a second one is refused, and names every problem by its option. */

import { isDeepStrictEqual } from "node:util"

import { isQuorateError, QuorateError } from "../../core/base/errors.ts"
import { openProfileDirectory, type ProfileDirectory } from "../../machine/profile.ts"
import { type KeyPlace, keyPlace } from "../../machine/profile-key.ts"
import { openIdentity } from "../../seal/identity.ts"
import type { Profile } from "../../session/profile.ts"
import { mismatch, openKey, readRecord } from "../../session/record.ts"
import { hostLock, setUp } from "../../session/set-up.ts"
import { sqliteView } from "../../storage/sqlite.ts"
import { parseSessionOptions, type SessionSettings } from "../../wire/options.ts"
import type { Context } from "../context.ts"
import { usage } from "../failure.ts"
import { keyText } from "../key-text.ts"
import { readSecret } from "../input.ts"

export interface InitOptions {
  readonly issuer?: string
  readonly tokenEndpoint?: string
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly scope?: string
  readonly replayPolicy?: string
  readonly listen?: readonly string[]
  readonly key?: string
}

/** Sets the profile up, or says that it is set up so already. */
export async function init(context: Context, options: InitOptions): Promise<void> {
  const settings = settingsOf(context.profile, options)
  const directory = openProfileDirectory(settings.profile)
  const known = await knownProfile(directory, settings.key)
  if (known !== null) refuseOther(known, settings)
  const profile = known ?? (await make(directory, settings))
  answer(context, profile, known === null)
}

async function make(directory: ProfileDirectory, settings: SessionSettings): Promise<Profile> {
  const lock = hostLock(directory)
  try {
    return await setUp(directory, settings)
  } finally {
    lock.close()
  }
}

/** What an earlier `init` made, read beside a host that may be running; null: nothing, or not all of it. */
async function knownProfile(
  directory: ProfileDirectory,
  wanted: KeyPlace | null,
): Promise<Profile | null> {
  if (keyPlace(directory) === null) return null
  const sealed = await openKey(directory, wanted)
  const view = sqliteView(directory.stateDb)
  const record = readRecord(view, sealed)
  const identity = view.readBlob("identity")
  if (record === null || identity === null) return null
  return { directory, atRest: sealed, record, identity: openIdentity(identity, sealed) }
}

/** Setting by its option, as the messages of the library name it. */
const OPTION: Readonly<Record<string, string>> = {
  issuer: "--issuer",
  tokenEndpoint: "--token-endpoint",
  clientId: "--client-id",
  clientSecret: "--client-secret-file",
  clientAuthentication: "--client-secret-file",
  scope: "--scope",
  replayPolicy: "--replay-policy",
}

function refuseOther({ record, directory }: Profile, settings: SessionSettings): void {
  const { provider, cluster } = settings
  const { listen } = cluster
  const differs =
    mismatch(record, { provider }) ??
    (listen === null || isDeepStrictEqual(listen, record.listen) ? null : "listen")
  if (differs === null) return
  throw new QuorateError(
    "ALREADY_INITIALIZED",
    "usage",
    `${directory.path} was set up with another ${OPTION[differs] ?? `--${differs}`}`,
    { hint: "say the same as the first time, or name another --profile" },
  )
}

function settingsOf(profile: string, options: InitOptions): SessionSettings {
  const { clientId, clientSecretFile, issuer, listen, replayPolicy, scope, tokenEndpoint } = options
  const key = placeOf(options.key)
  if (issuer === undefined && tokenEndpoint === undefined) {
    throw usage("--issuer is missing; or give --token-endpoint", EXAMPLE)
  }
  if (clientId === undefined) throw usage("--client-id is missing", EXAMPLE)
  const clientSecret =
    clientSecretFile === undefined
      ? undefined
      : readSecret("--client-secret-file", clientSecretFile)
  const provider = { issuer, tokenEndpoint, clientId, clientSecret, scope, replayPolicy }
  try {
    return parseSessionOptions({
      profile,
      provider,
      key,
      ...(listen === undefined ? {} : { cluster: { listen } }),
    })
  } catch (error) {
    throw byOption(error)
  }
}

function placeOf(said: string | undefined): KeyPlace | undefined {
  if (said === undefined || said === "keychain" || said === "file") return said
  throw usage("--key must be keychain or file")
}

const EXAMPLE = "for instance: quorate init --issuer https://login.example --client-id my-cli"

function byOption(error: unknown): unknown {
  if (!isQuorateError(error)) return error
  const message = error.message
    .replace(/^the options are wrong: /, "")
    .replaceAll(/\bprovider\.([A-Za-z]+)/g, (whole, field: string) => OPTION[field] ?? whole)
    .replaceAll(/\bcluster\.listen(?:\.\d+)?/g, "--listen")
  return new QuorateError(error.code, error.kind, message, { cause: error, hint: error.hint })
}

function answer({ output }: Context, profile: Profile, created: boolean): void {
  const { directory, identity, record } = profile
  const encryptionKey = Buffer.from(identity.encryptionKey).toString("base64url")
  output.answer(
    {
      profile: directory.path,
      member: identity.memberKey,
      encryption_key: encryptionKey,
      cluster_id: record.clusterId,
      name: record.name,
      listen: record.listen,
      key: keyPlace(directory),
      created,
    },
    [
      `profile         ${directory.path}`,
      `member          ${identity.memberKey}`,
      `encryption key  ${encryptionKey}`,
      `cluster         ${record.clusterId}`,
      `name            ${record.name}`,
      `listens on      ${record.listen.join(" ")}`,
      `key             ${keyText(directory)}`,
    ].join("\n"),
  )
  if (!output.json) {
    output.note(created ? "set up; next: quorate login" : "set up already, unchanged")
  }
}
