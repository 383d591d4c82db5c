import { expect, test } from "vitest"

import { environmentOf, programBeside } from "../../src/courier/start.ts"

test("of the environment passes what decides on certificates and finds the keychain, and nothing that could be a secret or another program", () => {
  const env = {
    HOME: "/nowhere",
    API_TOKEN: "secret",
    LD_PRELOAD: "./x.so",
    NODE_OPTIONS: "--require ./spy.cjs --use-system-ca --inspect",
    SSL_CERT_FILE: "/etc/ours.pem",
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1/bus",
  }

  const { NODE_COMPILE_CACHE: cache, ...passed } = environmentOf(env, ["--use-openssl-ca"], false)

  expect(cache).toMatch(/node_modules.\.cache/)
  expect(passed).toEqual({
    SSL_CERT_FILE: "/etc/ours.pem",
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1/bus",
    NODE_OPTIONS: "--use-system-ca --use-openssl-ca",
  })
})

test("Electron's executable is told to be a Node", () => {
  expect(environmentOf({}, [], true)).toMatchObject({ ELECTRON_RUN_AS_NODE: "1" })
  expect(environmentOf({}, [], false)).not.toHaveProperty("ELECTRON_RUN_AS_NODE")
})

test("a program lies beside its file, in the language of that file, or there is none", () => {
  const beside = new URL("../../src/courier/start.ts", import.meta.url).href

  expect(programBeside(beside, "program")).toMatch(/courier.program\.ts$/)
  expect(programBeside(beside.replace(/\.ts$/, ".js"), "program")).toBeNull()
  expect(programBeside(undefined, "program")).toBeNull()
})
