/** What a member keeps on its disk: the Raft state, and a few small named blobs beside it. */

import type { Persisted, Write } from "../core/raft/types.ts"

/**
 * Names of the blobs. `view`: the newest pair for readers without a host. `logout`: an epoch that was ended here alone.
 * `clock`: the server's time.
 */
export type BlobName = "identity" | "genesis" | "view" | "profile" | "logout" | "clock"

/**
 * One profile's `state.db`. Every method is synchronous and durable when it returns.
 *
 * @throws QuorateError kind `store` on any I/O error: the caller stops its member and never retries, since a failed
 *   fsync may have lost pages that a second one reports as clean.
 */
export interface Storage {
  /** Null on a store that was never bootstrapped. */
  load(): Persisted | null
  /** Writes the genesis once. @throws when the store already has one. */
  bootstrap(persisted: Persisted): void
  /** One atomic step; see {@link Write} for the order within it. */
  commit(write: Write): void
  readBlob(name: BlobName): Uint8Array | null
  writeBlob(name: BlobName, bytes: Uint8Array): void
  close(): void
}
