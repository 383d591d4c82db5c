/** Which hosts never leave this machine: the one rule behind every `http:` that is let through. */

/** True for a `hostname` as URL gives it. Not for `*.localhost`: not every resolver keeps those at home. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname)
}
