/** The language that a person's environment asks for (POSIX: LC_ALL before LC_MESSAGES before LANG). */

import { type Language, stageTexts, type StageTexts } from "../core/refresh/texts.ts"

export type Environment = Readonly<Record<string, string | undefined>>

export function languageOf(environment: Environment): Language {
  const names = ["LC_ALL", "LC_MESSAGES", "LANG"] as const
  const said = names.map((name) => environment[name] ?? "").find((value) => value !== "") ?? ""
  return /^zh(?![a-z])/i.test(said) ? "zh-Hans" : "en"
}

/** The words for this process. */
export function localTexts(): StageTexts {
  return stageTexts(languageOf(process.env))
}
