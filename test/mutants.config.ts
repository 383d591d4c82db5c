/**
 * What every mutant meets (`npm run mutants`, set up in `.stryker.config.json`): the core's own tests, without the
 * searches that take minutes, and without the one that reads the source, which is another text here. Each mutant gets a
 * worker of its own, so the files within it need no isolation.
 *
 * Of its settings, `tsconfigFile` names no file on purpose: Stryker would rewrite it with an API that TypeScript 7 has
 * not. `timeoutMS` is long so that a busy machine kills no mutant; loops without end are stopped by counting.
 */

import { defineConfig, type ViteUserConfig } from "vitest/config"

const config: ViteUserConfig = defineConfig({
  test: {
    isolate: false,
    include: ["test/core/{raft,refresh}/*.test.ts"],
    exclude: ["test/core/raft/fuzz.test.ts", "test/core/refresh/causes.test.ts"],
  },
})

export default config
