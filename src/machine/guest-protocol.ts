/**
 * What guests and their host say to each other: the frames, and the check by hand of everything that arrives (a guest
 * loads no zod). Decides shapes and bounds; when something is said is the sockets' business.
 *
 * `hello`, `welcome` and `refused` never change: two versions must be able to tell each other that they differ.
 */

import type { ErrorCode, ErrorKind } from "../core/base/errors.ts"
import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type { MemberId } from "../core/refresh/types.ts"
import type { ClusterStatus, CurrentToken, LoginTokens } from "../ports/coordinator.ts"
import { FrameError } from "../wire/errors.ts"
import {
  count,
  type Fields,
  fields,
  finite,
  flag,
  oneOf,
  orNull,
  provider,
  status,
  takeOverPreview,
  STATUS_ZERO,
  text,
  token,
  longText,
  tokenResponse,
} from "./guest-fields.ts"

/** Grows with every change that an older side would misread. */
export const PROTOCOL = 3

/** Longest frame that a guest may send, in bytes: a login with its tokens fits many times. */
export const GUEST_FRAME_BYTES_MAX = 131_072

const MESSAGE_MAX = 1_024

/** All that a guest knows of the member. The refresh token is no part of it. */
export interface HostView {
  readonly token: CurrentToken | null
  readonly status: ClusterStatus
  readonly provider: ProviderSettings | null
}

export type GuestCall =
  /** Nothing but the answer, which brings the newest view. */
  | { readonly type: "look" }
  | {
      readonly type: "configure"
      readonly settings: ProviderSettings
      readonly clientSecret: string | null
    }
  | { readonly type: "login"; readonly login: LoginTokens }
  | { readonly type: "logout" }
  | { readonly type: "take-over"; readonly preview: boolean }
  | { readonly type: "remove"; readonly member: MemberId; readonly holderIsGone: boolean }

/** What a call brings: a login its token, a takeover what it may cost, the others nothing. */
export interface CallResult {
  readonly token: CurrentToken | null
  readonly cost: TakeOverPreview | null
}

export interface Greeting {
  readonly protocol: number
  /** Of the package; for messages only. */
  readonly version: string
}

export type GuestNote =
  | {
      readonly type: "demand"
      readonly epoch: number
      readonly generation: number
      readonly force: boolean
    }
  | { readonly type: "used" }

export type GuestFrame =
  | GuestNote
  | ({ readonly type: "hello" } & Greeting)
  | { readonly type: "request"; readonly id: number; readonly call: GuestCall }

export interface WireFailure {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly message: string
  readonly hint: string | null
}

export type HostFrame =
  | ({ readonly type: "welcome"; readonly view: HostView } & Greeting)
  | { readonly type: "refused"; readonly failure: WireFailure }
  | { readonly type: "view"; readonly view: HostView }
  | { readonly type: "member"; readonly id: string; readonly connected: boolean }
  | ({ readonly type: "answer"; readonly id: number; readonly view: HostView } & CallResult)
  | { readonly type: "failed"; readonly id: number; readonly failure: WireFailure }

/** @throws FrameError `invalid`, naming the field, for anything that is no frame of a guest. */
export function parseGuestFrame(value: unknown): GuestFrame {
  const frame = fields(value, "frame")
  const type = frame["type"]
  switch (type) {
    case "hello":
      return { type, ...greeting(frame) }
    case "demand":
      return {
        type,
        epoch: count(frame["epoch"], "epoch"),
        generation: count(frame["generation"], "generation"),
        force: flag(frame["force"], "force"),
      }
    case "used":
      return { type }
    case "request":
      return { type, id: count(frame["id"], "id"), call: call(frame["call"]) }
    default:
      throw new FrameError("invalid", "type")
  }
}

/** @throws FrameError `invalid`, naming the field, for anything that is no frame of a host. */
export function parseHostFrame(value: unknown): HostFrame {
  const frame = fields(value, "frame")
  const type = frame["type"]
  switch (type) {
    case "welcome": {
      const { protocol, version } = greeting(frame)
      // Of another protocol the view may have any shape: the greeting alone is read.
      const known = protocol === PROTOCOL ? view(frame["view"]) : NO_VIEW
      return { type, protocol, version, view: known }
    }
    case "refused":
      return { type, failure: failure(frame["failure"]) }
    case "view":
      return { type, view: view(frame["view"]) }
    case "member":
      return {
        type,
        id: text(frame["id"], "id"),
        connected: flag(frame["connected"], "connected"),
      }
    case "answer":
      return {
        type,
        id: count(frame["id"], "id"),
        token: orNull(frame["token"], "token", token),
        cost: orNull(frame["cost"], "cost", takeOverPreview),
        view: view(frame["view"]),
      }
    case "failed":
      return { type, id: count(frame["id"], "id"), failure: failure(frame["failure"]) }
    default:
      throw new FrameError("invalid", "type")
  }
}

/** An error as it crosses the socket. Of a defect only the fact is told: its text may hold anything. */
export function failureOf(error: unknown): WireFailure {
  if (!isQuorateError(error)) {
    return { code: "INTERNAL", kind: "internal", message: "the host failed", hint: null }
  }
  const { code, kind, message, hint } = error
  return { code, kind, message: message.slice(0, MESSAGE_MAX), hint: hint ?? null }
}

export function errorOf(failed: WireFailure): QuorateError {
  const { code, kind, message, hint } = failed
  return new QuorateError(code, kind, message, { hint: hint ?? undefined })
}

/** Who must be updated; null: both speak the same protocol. */
export function versionProblem(host: Greeting, guest: Greeting): QuorateError | null {
  if (host.protocol === guest.protocol) return null
  const hostIsOlder = host.protocol < guest.protocol
  const message =
    `the program that hosts this profile runs quorate ${host.version} (protocol ${host.protocol}), ` +
    `this one ${guest.version} (protocol ${guest.protocol})`
  return new QuorateError("HOST_BUSY", "retryable", message, {
    hint: hostIsOlder
      ? "update the program that hosts the profile, or stop it"
      : "update this program",
  })
}

function greeting(frame: Fields): Greeting {
  return {
    protocol: count(frame["protocol"], "protocol"),
    version: text(frame["version"], "version", 64),
  }
}

function call(value: unknown): GuestCall {
  const from = fields(value, "call")
  const type = oneOf(from["type"], "call.type", CALLS)
  switch (type) {
    case "look":
    case "logout":
      return { type }
    case "configure":
      return {
        type,
        settings: provider(from["settings"], "settings"),
        clientSecret: orNull(from["clientSecret"], "clientSecret", longText),
      }
    case "login": {
      const login = fields(from["login"], "login")
      return {
        type,
        login: {
          tokens: tokenResponse(login["tokens"]),
          issuedAtMs: finite(login["issuedAtMs"], "issuedAtMs"),
        },
      }
    }
    case "take-over":
      return { type, preview: flag(from["preview"], "preview") }
    case "remove":
      return {
        type,
        member: text(from["member"], "member"),
        holderIsGone: flag(from["holderIsGone"], "holderIsGone"),
      }
    default:
      return type satisfies never
  }
}

const CALLS = ["look", "configure", "login", "logout", "take-over", "remove"] as const

const NO_VIEW: HostView = { token: null, status: STATUS_ZERO, provider: null }

function view(value: unknown): HostView {
  const from = fields(value, "view")
  return {
    token: orNull(from["token"], "token", token),
    status: status(from["status"]),
    provider: orNull(from["provider"], "provider", provider),
  }
}

const KINDS: readonly ErrorKind[] = ["usage", "login", "retryable", "store", "refused", "internal"]

function failure(value: unknown): WireFailure {
  const from = fields(value, "failure")
  const code = text(from["code"], "code", 64)
  if (!/^[A-Z_]+$/.test(code)) throw new FrameError("invalid", "code")
  return {
    // A newer host may know codes that we do not; callers match on those they know.
    code: code as ErrorCode,
    kind: oneOf(from["kind"], "kind", KINDS),
    message: text(from["message"], "message"),
    hint: orNull(from["hint"], "hint", text),
  }
}
