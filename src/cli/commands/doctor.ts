/**
 * `doctor`: looks for what may be wrong, and goes on whatever it finds. Decides what is looked at, and what cannot be where
 * something else is broken.
 */

import { orInterrupted, type Context } from "../context.ts"
import { type Check, checksJson, checkText } from "../doctor/check.ts"
import { checkDisk } from "../doctor/disk.ts"
import { checkHost } from "../doctor/host.ts"
import { checkLifetimes, checkMembers } from "../doctor/login.ts"
import { checkServer } from "../doctor/server.ts"

export async function doctor(context: Context): Promise<void> {
  const { output, signal } = context
  const checks = await orInterrupted(findings(context), signal)
  const paint = output.paint.bind(output)
  output.answer(checksJson(checks), checks.map((one) => checkText(one, paint)).join("\n"))
  if (checks.some(({ result }) => result === "fault")) output.markFaulty()
}

async function findings(context: Context): Promise<readonly Check[]> {
  const { checks, directory, inspected } = await checkDisk(context.profile)
  if (directory === null) return checks
  const host = await checkHost(directory)
  if (inspected === null) return [...checks, host.check]
  const { lifetimes, provider } = inspected
  const [server, members] = await Promise.all([
    provider === null ? [] : checkServer(provider),
    host.answers ? checkMembers(context) : [],
  ])
  return [...checks, host.check, ...server, ...checkLifetimes(lifetimes), ...members]
}
