/** Which part of the log is on the disk, while writes are under way and truncations overtake them. */

import { invariant } from "../base/assert.ts"
import type { Index, WriteSeq } from "./types.ts"

interface Pending {
  readonly seq: WriteSeq
  /** The log is durable up to here once the write is; lowered by every later truncation (the ABA of the etcd tests). */
  lastIndex: Index
}

export class Durability {
  /** The newest write handed out. */
  issued: WriteSeq = 0
  /** Everything up to this write is on the disk. */
  written: WriteSeq = 0
  /** The log in memory and the log on the disk are the same up to here. */
  index: Index
  #pending: Pending[] = []

  constructor(index: Index) {
    this.index = index
  }

  /** What a message must wait for that depends on everything up to now. */
  get barrier(): WriteSeq {
    return this.issued > this.written ? this.issued : 0
  }

  issue(lastIndex: Index): WriteSeq {
    this.issued += 1
    this.#pending.push({ seq: this.issued, lastIndex })
    return this.issued
  }

  /** The log after `index` was dropped: no write under way can make it durable any more. */
  forgetAfter(index: Index): void {
    this.index = Math.min(this.index, index)
    for (const pending of this.#pending) pending.lastIndex = Math.min(pending.lastIndex, index)
  }

  complete(seq: WriteSeq): void {
    invariant(seq <= this.issued, "a write was reported that was never asked for")
    for (
      let first = this.#pending[0];
      first !== undefined && first.seq <= seq;
      first = this.#pending[0]
    ) {
      this.index = Math.max(this.index, first.lastIndex)
      this.#pending.shift()
    }
    this.written = Math.max(this.written, seq)
  }
}
