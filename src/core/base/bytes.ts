/** Bytes without a platform: comparison and hex, for a floor that knows neither Buffer nor TextEncoder. */

/** True when both hold the same bytes. Not constant-time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  return a.every((byte, i) => byte === b[i])
}
