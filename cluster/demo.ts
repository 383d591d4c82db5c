/**
 * The demonstration, `npm start`: a real authorization server, three member processes, and what befalls them. Decides the
 * order of the scenes, how long all of it may take, and the exit code; each scene decides what it claims.
 */

import { parseArgs } from "node:util"

import { type Account, openAccount } from "./demo/account.ts"
import { holderDies, leaderDies } from "./demo/failures.ts"
import { allWell, cutOff, oneLogin, oneRefresh, reckoning, type Stage } from "./demo/scenes.ts"
import { type LiveScreen, screen } from "./demo/screen.ts"
import { ClaimFailedError, Story } from "./demo/story.ts"
import { table } from "./demo/table.ts"
import { World } from "./demo/world.ts"

/** `npm start` promises less than a minute. */
const LIMIT_MS = 55_000
const REDRAW_MS = 200
const USAGE = "usage: npm start [-- --json]\n"

/** Where the run is, for whoever has to end it early. */
interface Run {
  readonly startedAt: number
  readonly json: boolean
  readonly stop: AbortController
  /** Set when a person, not the story, ends it. */
  exitCode: number | null
}

async function main(): Promise<number> {
  let json: boolean
  try {
    json = parseArgs({ options: { json: { type: "boolean", default: false } } }).values.json
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return 2
  }
  const run: Run = {
    startedAt: performance.now(),
    json,
    stop: new AbortController(),
    exitCode: null,
  }
  interruptible(run)
  let account: Account
  try {
    account = await openAccount(process.env)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  return perform(run, account)
}

/** The first signal ends the story in good order; whoever sends a second one is not kept waiting. */
function interruptible(run: Run): void {
  const end = (code: number, why: string): void => {
    if (run.exitCode !== null) process.exit(code)
    run.exitCode = code
    run.stop.abort(new Error(why))
  }
  process.on("SIGINT", () => end(130, "interrupted"))
  process.on("SIGTERM", () => end(143, "terminated"))
  // Whoever read the story went away: `npm start | head`.
  process.stdout.on("error", () => run.exitCode === null && end(141, "nobody reads any more"))
}

async function perform(run: Run, account: Account): Promise<number> {
  const world = await World.make(account, {
    changed: () => story.changed(),
    died: (what) => run.stop.abort(new Error(what)),
  })
  const view: LiveScreen = screen({
    output: run.json ? process.stderr : process.stdout,
    env: process.env,
    elapsedMs: () => performance.now() - run.startedAt,
    table: () =>
      table(
        world.members.map(({ name, pid, seen }) => ({ name, pid, seen, cut: world.isCut(name) })),
        Date.now(),
      ),
  })
  const story = new Story(view, run.stop.signal)
  const limit = setTimeout(() => {
    const what = `${LIMIT_MS / 1_000} s were not enough: it was waiting for ${story.waitingFor}`
    run.stop.abort(new Error(what))
  }, LIMIT_MS)
  const redraw = setInterval(() => view.refresh(), REDRAW_MS)
  try {
    await play({ world, story }, run)
    if (run.exitCode === null) reckoning({ world, story })
    clearTimeout(limit)
    clearInterval(redraw)
    return finish(run, { world, story }, view)
  } finally {
    await world.close(run.stop.signal.aborted ? "now" : "gently")
  }
}

async function play(stage: Stage, run: Run): Promise<void> {
  const { world, story } = stage
  const { issuer } = world.account.provider
  try {
    story.tell(
      world.account.server === null
        ? `quorate at ${issuer}, which is not ours: numbers are counted by the members, scene 3 is left out.`
        : "quorate: three clients, one login. The authorization server revokes a login whose refresh token comes twice.",
    )
    await oneLogin(stage)
    await oneRefresh(stage)
    await holderDies(stage)
    await leaderDies(stage)
    await cutOff(stage)
    await allWell(stage)
  } catch (error) {
    if (run.exitCode !== null) return
    if (!(error instanceof ClaimFailedError)) {
      const detail = error instanceof Error ? error.message : String(error)
      const expected = `expected the story to go on from "${story.waitingFor}"`
      story.record({
        name: "the story came to its end",
        ok: false,
        detail: `${expected}; saw: ${detail}`,
      })
    }
  }
}

function finish(run: Run, { world, story }: Stage, view: LiveScreen): number {
  const { claims } = story
  const durationMs = Math.round(performance.now() - run.startedAt)
  const ok = run.exitCode === null && claims.length > 0 && claims.every((claim) => claim.ok)
  const held = claims.filter((claim) => claim.ok).length
  const verdict =
    run.exitCode === null
      ? `${held} of ${claims.length} claims held, in ${(durationMs / 1_000).toFixed(1)} s.`
      : String(run.stop.signal.reason instanceof Error ? run.stop.signal.reason.message : "")
  view.end(claims, verdict, ok)
  if (run.json) {
    const counts = world.counts()
    const report = {
      ok,
      claims,
      members: world.members.length,
      refreshes: counts.refreshes,
      posts: counts.posts,
      tokens_spent_twice: counts.tokensSpentTwice,
      families_revoked: counts.familiesRevoked,
      relogins: counts.relogins,
      duration_ms: durationMs,
    }
    process.stdout.write(`${JSON.stringify(report)}\n`)
  }
  return run.exitCode ?? (ok ? 0 : 1)
}

// Not `process.exit`: what was written to a pipe would be lost.
process.exitCode = await main()
