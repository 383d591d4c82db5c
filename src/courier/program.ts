/**
 * Where the courier's process starts, with one end of a pipe as descriptor 3. Decides nothing.
 */

import { Socket } from "node:net"

import { runErrand } from "./errand.ts"

process.umask(0o077)
runErrand(new Socket({ fd: 3 }))
