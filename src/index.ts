/** The public names, one by one. Nothing here loads the network. */

export { isQuorateError, PendingRefreshError, QuorateError } from "./core/base/errors.ts"
export type { ErrorCode, ErrorKind } from "./core/base/errors.ts"
export { describeStage } from "./core/refresh/describe.ts"
export type { StageDescription, StageStatus } from "./core/refresh/describe.ts"
export { stageTexts } from "./core/refresh/texts.ts"
export type { Language, OwnTexts, Reason, StageTexts } from "./core/refresh/texts.ts"
export { openSession } from "./session/start.ts"
export type {
  ClusterOptions,
  ClusterStatus,
  GetTokenOptions,
  MemberStatus,
  ProviderOptions,
  Session,
  SessionEvent,
  SessionOptions,
  Stage,
  Token,
} from "./session/types.ts"
