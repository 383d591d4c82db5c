#!/usr/bin/env node
/**
 * Where the command starts. Decides only whether this Node can run it, and therefore imports nothing statically: an older
 * Node would fail at link time, with a stack instead of a sentence.
 */

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(`quorate: Node 24.15 or later is needed; this is ${process.version}\n`)
  process.exitCode = 2
} else {
  await keepStripped()
  process.exitCode = await run(process.argv.slice(2))
}

async function run(argv: readonly string[]): Promise<number> {
  const { quickToken } = await import("./quick-token.ts")
  const code = await quickToken(argv)
  if (code !== null) return code
  const { main } = await import("./main.ts")
  return main(argv)
}

/** In a checkout: keeps what Node makes of the TypeScript, which else costs every start three times its time. */
async function keepStripped(): Promise<void> {
  if (!import.meta.filename.endsWith(".ts")) return
  const { enableCompileCache } = await import("node:module")
  // Of this checkout and its owner; in a directory for everybody, anybody could put code.
  enableCompileCache(`${import.meta.dirname}/../../node_modules/.cache/quorate`)
}

export {}
