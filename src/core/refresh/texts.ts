/**
 * The words that people read for a stage and its cause, in English and Chinese; an embedder may bring its own. Decides
 * nothing: which of them a status gets is `describe.ts`.
 */

import type { Stage } from "./status.ts"

/** The sentences for causes, each for one cause or one kind of them. */
export type Reason =
  | "starting"
  | "never_logged_in"
  | "logged_out"
  | "login_ended"
  | "stuck"
  | "no_quorum"
  | "in_doubt"
  | "spent_elsewhere"
  | "holder_away"
  | "slow_answer"
  | "no_full_member"
  | "earlier_request"
  | "idle"
  | "store_failed"
  | "keychain"
  | "host_lost"
  | "host_silent"
  | "host_version"
  | "wrong_identity"
  | "unreachable"
  | "insecure"
  | "conflict"
  | "busy"
  | "server_failed"
  | "misunderstood"
  | "client_refused"
  | "settings"
  | "not_prepared"
  | "not_sent"
  | "transient"
  /** A cause that nobody has found words for: `{code}` is all there is. */
  | "other"

/** One language. `{device}` stands for the names of devices, `{code}` for the cause as it is. */
export interface StageTexts {
  readonly titles: Readonly<Record<Stage | "stuck", string>>
  readonly details: Readonly<Record<Reason, string>>
  /** What a person can do about it; null: wait. */
  readonly actions: Readonly<Record<Reason, string | null>>
  /** In place of the action when a device is to be opened. */
  readonly open: string
  /** Between the names of two devices. */
  readonly or: string
}

/** The texts that an embedder replaces. */
export type OwnTexts = {
  readonly [K in keyof StageTexts]?: StageTexts[K] extends string ? string : Partial<StageTexts[K]>
}

/** BCP 47. */
export type Language = "en" | "zh-Hans"

const EN: StageTexts = {
  titles: {
    ready: "Ready",
    refreshing: "Refreshing",
    retrying: "Retrying",
    connecting: "Connecting...",
    relogin: "Log in again to restore the service",
    stuck: "Log in again to restore the service, or open {device}",
  },
  details: {
    starting: "the member has just started",
    never_logged_in: "nobody has logged in yet",
    logged_out: "somebody logged out",
    login_ended: "the server no longer accepts the login ({code})",
    stuck: "the login may have been renewed where nobody can be reached",
    no_quorum: "too few members are reachable to agree",
    in_doubt: "the answer of the last refresh was lost",
    spent_elsewhere: "another member has refreshed and cannot be reached",
    holder_away: "the member whose turn it is cannot be reached",
    slow_answer: "the server has not answered yet",
    no_full_member: "no member that may refresh is reachable",
    earlier_request: "an earlier request may still be on its way; the next one waits for it",
    idle: "expired unused; the next use refreshes",
    store_failed: "the profile's files failed; the member has stopped",
    keychain: "the keychain that holds the profile's key does not open",
    host_lost: "the process that ran the member has ended; another takes over",
    host_silent: "the process that runs the member does not answer",
    host_version: "the process that runs the member has another version",
    wrong_identity: "the server answered for another account",
    unreachable: "the server cannot be reached ({code})",
    insecure: "the server cannot prove who it is ({code})",
    conflict: "another request came at the same time ({code})",
    busy: "the server asks to come back later ({code})",
    server_failed: "the server has a fault ({code})",
    misunderstood: "something else than the server answered ({code})",
    client_refused: "the server refuses the client or its request ({code})",
    settings: "this application's settings do not fit the profile ({code})",
    not_prepared: "the request could not be prepared; the server may be out of reach",
    not_sent: "the request was not sent ({code})",
    transient: "the last attempt failed",
    other: "the cause is {code}",
  },
  actions: {
    starting: null,
    never_logged_in: "Log in.",
    logged_out: "Log in.",
    login_ended: "Log in.",
    stuck: "Log in.",
    no_quorum: "Open another device of this login, or check the network.",
    in_doubt: null,
    spent_elsewhere: null,
    holder_away: null,
    slow_answer: null,
    no_full_member: "Open a device that may refresh.",
    earlier_request: null,
    idle: null,
    store_failed: "Check the disk, then restart the application.",
    keychain: "Unlock the keychain.",
    host_lost: null,
    host_silent: "Continue or end the process that is suspended.",
    host_version: "Restart the older application.",
    wrong_identity: "Log in with the account of the other devices.",
    unreachable: "Check the network.",
    insecure: "Check the network and this computer's clock.",
    conflict: null,
    busy: null,
    server_failed: null,
    misunderstood: "Check whether the network asks for a login of its own.",
    client_refused: "Check the client's settings with the provider.",
    settings: "Check the application's settings.",
    not_prepared: "Check the network and the issuer's address.",
    not_sent: null,
    transient: null,
    other: null,
  },
  open: "Open {device}.",
  or: " or ",
}

const ZH_HANS: StageTexts = {
  titles: {
    ready: "就绪",
    refreshing: "正在刷新",
    retrying: "正在重试",
    connecting: "正在连接…",
    relogin: "请重新登录以恢复服务",
    stuck: "请重新登录以恢复服务，或打开 {device}",
  },
  details: {
    starting: "成员刚刚启动",
    never_logged_in: "尚未有人登录",
    logged_out: "已有人退出登录",
    login_ended: "服务器不再接受此登录（{code}）",
    stuck: "登录可能已在一台无法连接的设备上续期",
    no_quorum: "可连接的成员太少，无法达成一致",
    in_doubt: "上次刷新的应答丢失了",
    spent_elsewhere: "另一成员已刷新，但无法连接",
    holder_away: "轮到刷新的成员无法连接",
    slow_answer: "服务器尚未应答",
    no_full_member: "没有可连接的成员有权刷新",
    earlier_request: "先前的请求可能仍在途中，下一次请求正在等待",
    idle: "已过期且未使用，下次使用时会刷新",
    store_failed: "配置目录中的文件出错，成员已停止",
    keychain: "保存配置密钥的钥匙串无法打开",
    host_lost: "运行成员的进程已结束，正由另一进程接管",
    host_silent: "运行成员的进程没有响应",
    host_version: "运行成员的进程版本不同",
    wrong_identity: "服务器返回了另一个账号",
    unreachable: "无法连接服务器（{code}）",
    insecure: "服务器无法证明其身份（{code}）",
    conflict: "同时有另一个请求（{code}）",
    busy: "服务器要求稍后再试（{code}）",
    server_failed: "服务器出现故障（{code}）",
    misunderstood: "应答并非来自服务器（{code}）",
    client_refused: "服务器拒绝此客户端或其请求（{code}）",
    settings: "此应用的设置与配置目录不符（{code}）",
    not_prepared: "无法准备请求，可能无法连接服务器",
    not_sent: "请求未发出（{code}）",
    transient: "上次尝试失败",
    other: "原因：{code}",
  },
  actions: {
    starting: null,
    never_logged_in: "请登录。",
    logged_out: "请登录。",
    login_ended: "请登录。",
    stuck: "请登录。",
    no_quorum: "请打开使用此登录的另一台设备，或检查网络。",
    in_doubt: null,
    spent_elsewhere: null,
    holder_away: null,
    slow_answer: null,
    no_full_member: "请打开一台有权刷新的设备。",
    earlier_request: null,
    idle: null,
    store_failed: "请检查磁盘，然后重新启动应用。",
    keychain: "请解锁钥匙串。",
    host_lost: null,
    host_silent: "请恢复或结束被挂起的进程。",
    host_version: "请重新启动版本较旧的应用。",
    wrong_identity: "请使用其他设备所用的账号登录。",
    unreachable: "请检查网络。",
    insecure: "请检查网络和本机时钟。",
    conflict: null,
    busy: null,
    server_failed: null,
    misunderstood: "请检查所用网络是否需要先登录。",
    client_refused: "请与服务提供方核对客户端设置。",
    settings: "请检查此应用的设置。",
    not_prepared: "请检查网络和签发者地址。",
    not_sent: null,
    transient: null,
    other: null,
  },
  open: "请打开 {device}。",
  or: " 或 ",
}

const TEXTS: Readonly<Record<Language, StageTexts>> = { en: EN, "zh-Hans": ZH_HANS }

/** The texts of a language, with those that an embedder brings in their place. */
export function stageTexts(language: Language = "en", own: OwnTexts = {}): StageTexts {
  const texts = TEXTS[language]
  return {
    ...texts,
    ...own,
    titles: { ...texts.titles, ...own.titles },
    details: { ...texts.details, ...own.details },
    actions: { ...texts.actions, ...own.actions },
  }
}
