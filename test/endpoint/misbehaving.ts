/** Servers that misbehave in exactly one way: raw sockets, so that nothing puts it right. */

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"

export interface RawServer {
  readonly port: number
  readonly url: string
  /** Everything each connection sent, in order of arrival. */
  readonly received: readonly string[]
  close(): Promise<void>
}

export interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
}

/** Calls `serve` when the whole request (its body by content-length) is there. */
export function rawServer(serve: (socket: Socket, request: string) => void): Promise<RawServer> {
  return listen((received) =>
    createServer((socket) => {
      const index = received.push("") - 1
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        received[index] += chunk.toString("latin1")
        const request = received[index] ?? ""
        if (isWhole(request)) serve(socket, request)
      })
    }),
  )
}

/** As {@link rawServer}, behind TLS. */
export function secureServer(
  certificate: Certificate,
  serve: (socket: Socket) => void,
): Promise<RawServer> {
  return listen((received) => {
    const server = createTlsServer({ ...certificate }, (socket) => {
      socket.on("error", () => {})
      socket.on("data", (chunk) => {
        received.push(chunk.toString("latin1"))
        serve(socket)
      })
    })
    server.on("tlsClientError", () => {})
    return server
  })
}

/** Calls `accept` for each connection, before anything was read. */
export function acceptingServer(accept: (socket: Socket) => void): Promise<RawServer> {
  return listen(() =>
    createServer((socket) => {
      socket.on("error", () => {})
      accept(socket)
    }),
  )
}

export async function listen(make: (received: string[]) => Server): Promise<RawServer> {
  const received: string[] = []
  const server = make(received)
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/token`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function isWhole(request: string): boolean {
  const [head = "", ...rest] = request.split("\r\n\r\n")
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  return length !== undefined && rest.join("\r\n\r\n").length >= Number(length)
}

/** A response, whole. */
export function reply(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    "content-type": "application/json",
    "content-length": String(body.length),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n${body}`
}

/** A key and a certificate that nobody vouches for, made by the system's openssl. Null where there is none. */
export function selfSigned(): Certificate | null {
  const directory = mkdtempSync(join(tmpdir(), "quorate-tls-"))
  try {
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")]
    const subject = [
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ]
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    })
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } catch {
    return null
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
