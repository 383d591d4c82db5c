import { join } from "node:path"

import { defineConfig, type ViteUserConfig } from "vitest/config"

/** Searches and simulations: their hot loops would run half as fast under coverage, and measure nothing that matters. */
const SEARCHES = ["test/sim/**", "test/model/**", "test/core/raft/fuzz.test.ts"]

/** Where Node keeps what it compiles, for this process and those that tests start. */
const COMPILED = join(import.meta.dirname, "node_modules/.cache/node")
process.env["NODE_COMPILE_CACHE"] = COMPILED

const config: ViteUserConfig = defineConfig({
  ssr: { resolve: { conditions: ["quorate-source", "node", "module", "import", "default"] } },
  test: {
    // Much of it waits for real processes: one worker, which two cores would be given, is idle half of the time.
    maxWorkers: 2,
    env: { NODE_COMPILE_CACHE: COMPILED },
    globalSetup: "test/compiled.ts",
    coverage: {
      provider: "v8",
      // What has a gate; the rest would be read, mapped and counted for nobody.
      include: ["src/core/**/*.ts"],
      reporter: ["text-summary"],
      thresholds: { "src/core/**": { branches: 90 } },
    },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/process/**", "test/desktop/**", ...SEARCHES],
        },
      },
      {
        extends: true,
        test: {
          name: "search",
          // They run beside everything else, and give way to it.
          testTimeout: 600_000,
          include: SEARCHES.map((path) => path.replace("**", "**/*.test.ts")),
        },
      },
      {
        extends: true,
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          // They need programs of a desktop, which `test/all.ts` looks for.
          name: "desktop",
          include: ["test/desktop/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
    ],
  },
})

export default config
