/**
 * `quorate/testing`: a simulated world, acceptance suites for the ports, and a real authorization server. Imports no test
 * runner; the suites are given one. Only the authorization server needs `oidc-provider`, and loads it when it is started.
 */

import type { AuthorizationServer, AuthorizationServerOptions } from "./authorization-server.ts"

export { memberClock, virtualScheduler } from "./clock.ts"
export type { MemberClock, MemberClockOptions, Scheduler } from "./clock.ts"
export { simulatedNetwork } from "./network.ts"
export type { SimulatedNetwork, SimulatedNetworkOptions } from "./network.ts"
export type { MachineClock } from "./simulated-member.ts"
export { simulatedServer } from "./simulated-server.ts"
export type { ServerFaults, SimulatedServer } from "./simulated-server.ts"
export { memoryDisk, memoryJournal, memoryStorage, SimulatedCrash } from "./storage.ts"
export type { DiskFault, MemoryDisk } from "./storage.ts"
export { journalSuite } from "./suites/journal.ts"
export { machineLockSuite } from "./suites/machine-lock.ts"
export { storageSuite } from "./suites/storage.ts"
export { transportSuite } from "./suites/transport.ts"
export { runSeed } from "./swarm.ts"
export type { SwarmReport } from "./swarm.ts"
export type { RouteFaults } from "./trip.ts"
export type { Sending, SendingEnd, WorldWatch } from "./watch.ts"
export { simulatedWorld } from "./world.ts"
export type { SimulatedMember, World, WorldOptions } from "./world.ts"
export type { AuthorizationServer, AuthorizationServerOptions }

/**
 * Starts a real authorization server (`oidc-provider`) on loopback, with replay policies, faults and counters.
 *
 * @throws when `oidc-provider` is not installed.
 */
export async function startAuthorizationServer(
  options?: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const server = await import("./authorization-server.ts")
  return server.startAuthorizationServer(options)
}
