/** The authorization server of a measurement, from the side of the one who measures. Decides nothing. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

import type { ServerAnswer, ServerQuestion } from "./server.ts"

type Answered<K extends ServerAnswer["type"]> = Extract<ServerAnswer, { type: K }>

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url))

export class Authority {
  readonly #child: ChildProcess

  /** @param delayMs how long it keeps an answer back once the new pair exists. */
  constructor(delayMs: number = 0) {
    this.#child = spawn(process.execPath, [SERVER, String(delayMs)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    })
  }

  async hear<K extends ServerAnswer["type"]>(type: K): Promise<Answered<K>> {
    const [answer] = (await once(this.#child, "message")) as [ServerAnswer]
    if (answer.type !== type) throw new Error(`the server said ${answer.type}, not ${type}`)
    return answer as Answered<K>
  }

  ask<K extends ServerAnswer["type"]>(question: ServerQuestion, type: K): Promise<Answered<K>> {
    const answer = this.hear(type)
    this.#child.send(question)
    return answer
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
