/**
 * The network between members: one proxy for each direction of each pair, so that a member can be cut off from the others
 * while it still reaches the authorization server. Decides who cannot reach whom.
 */

import { once } from "node:events"
import { createServer } from "node:net"

import { type Proxy, startProxy } from "../proxy.ts"

export interface Links {
  /** Where `from` is told to find `to`; itself: where it listens. */
  address(from: string, to: string): string
  /** Resets every connection of this member with the others, and every new one. */
  cut(name: string): void
  heal(name: string): void
  /** The ways between this member and the others; `from` is who connects. */
  of(name: string): readonly Link[]
  close(): Promise<void>
}

export interface Link {
  readonly from: string
  readonly to: string
  readonly proxy: Proxy
}

const HOST = "127.0.0.1"
/** Below every system's range for outgoing connections, so that a port stays free while its member is down. */
const PORT_MIN = 20_000
const PORT_SPAN = 12_000

export function loopback(port: number): string {
  return `/ip4/${HOST}/tcp/${port}`
}

/** Ports of 127.0.0.1 that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_SPAN)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, HOST)
  try {
    await once(server, "listening")
  } catch {
    return false
  }
  server.close()
  await once(server, "close")
  return true
}

export async function startLinks(names: readonly string[]): Promise<Links> {
  const free = await freePorts(names.length)
  const ports = new Map(names.map((name, at) => [name, free[at] ?? 0]))
  const links: readonly Link[] = await Promise.all(
    names
      .flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })))
      .map(async ({ from, to }) => ({
        from,
        to,
        proxy: await startProxy({ target: { host: HOST, port: ports.get(to) ?? 0 } }),
      })),
  )
  const of = (name: string): readonly Link[] =>
    links.filter(({ from, to }) => from === name || to === name)
  return {
    address(from, to) {
      const link = links.find((one) => one.from === from && one.to === to)
      return loopback(link?.proxy.port ?? ports.get(to) ?? 0)
    },
    of,
    cut: (name) => of(name).forEach(({ proxy }) => proxy.cut()),
    heal: (name) => of(name).forEach(({ proxy }) => proxy.heal()),
    close: async () => void (await Promise.all(links.map(({ proxy }) => proxy.close()))),
  }
}
