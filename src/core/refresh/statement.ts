/** What a holder signs: every field of its Result, in one fixed text. Decides the wording; keys and signatures are seal's. */

import type { Box, Pair, TurnNumber } from "./types.ts"

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

const box = (value: Box): string => `${value.algorithm}.${value.key}.${hex(value.bytes)}`

/**
 * The text under a Result's signature. Strings of foreign origin go through JSON, so that no field can pretend to be two.
 * Changing it makes members of two versions refuse each other's results: raise the first line then.
 */
export function resultStatement(clusterId: string, pair: Pair, turn: TurnNumber | null): string {
  return [
    "quorate result 1",
    clusterId,
    pair.epoch,
    pair.generation,
    pair.lineage,
    pair.parent ?? "-",
    turn ?? "-",
    box(pair.accessBox),
    box(pair.refreshBox),
    pair.issuedAtMs,
    pair.lifetimeMs,
    pair.refreshLifetimeMs ?? "-",
    JSON.stringify(pair.scope),
    JSON.stringify(pair.subject),
    pair.resent,
    pair.by,
  ].join("\n")
}
