/**
 * Runs the code of a request once, over a connection that leads nowhere: whatever runs for the first time takes several
 * times longer. Decides nothing.
 */

import { Duplex } from "node:stream"

const REPLY = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
const { request } = process.getBuiltinModule("node:http")

/** Never throws, and nobody hears of it. */
export function rehearseRequest(): void {
  const nowhere = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => {
      done()
      nowhere.push(REPLY)
      nowhere.push(null)
    },
  })
  const outgoing = request({ createConnection: () => nowhere, method: "POST", setHost: false })
  outgoing.on("response", (incoming) => incoming.resume()).on("error", () => {})
  outgoing.end("rehearsal")
}
