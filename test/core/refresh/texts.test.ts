import { describe, expect, test } from "vitest"

import { stageTexts } from "../../../src/core/refresh/texts.ts"

const ENGLISH = stageTexts("en")
const CHINESE = stageTexts("zh-Hans")
const HAN = /\p{Script=Han}/u

/** Every text with its name, such as `details.stuck`. */
function named(texts: typeof ENGLISH): readonly (readonly [string, string | null])[] {
  const of = (group: "titles" | "details" | "actions") =>
    Object.entries(texts[group]).map(([name, text]) => [`${group}.${name}`, text] as const)
  return [
    ...of("titles"),
    ...of("details"),
    ...of("actions"),
    ["open", texts.open],
    ["or", texts.or],
  ]
}
const blanks = (text: string | null): string => (text?.match(/\{\w+\}/g) ?? []).join(" ")

describe("the texts", () => {
  test.each(named(ENGLISH).filter(([, text]) => text !== null))(
    "%s exists in English",
    (_, text) => {
      expect(text).toMatch(/[a-z]{2}/)
      expect(text).not.toMatch(HAN)
    },
  )

  test.each(named(CHINESE).filter(([, text]) => text !== null))(
    "%s exists in Chinese",
    (_, text) => {
      expect(text).toMatch(HAN)
    },
  )

  test("are the same in both languages, with the same blanks, and the same causes ask for nothing", () => {
    const shape = (texts: typeof ENGLISH) =>
      named(texts).map(([name, text]) => [name, text === null, blanks(text)])

    expect(shape(CHINESE)).toEqual(shape(ENGLISH))
  })

  test("name devices and causes only in blanks that are filled", () => {
    const known = new Set(["", "{device}", "{code}"])

    expect(named(ENGLISH).filter(([, text]) => !known.has(blanks(text)))).toEqual([])
  })

  test("are English where nobody asks for another language", () => {
    expect(stageTexts()).toEqual(ENGLISH)
  })

  test("of an embedder replace one each, and leave the rest", () => {
    const own = stageTexts("en", { titles: { ready: "Fine" }, or: "/" })

    expect(own).toEqual({ ...ENGLISH, titles: { ...ENGLISH.titles, ready: "Fine" }, or: "/" })
  })
})
