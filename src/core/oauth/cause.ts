/**
 * What a cause may look like wherever it is made, told or replicated: short words of letters and digits, all of one case.
 * A second line behind the rule that causes are words of our own: no opaque token has this form, for its words are longer.
 */

const WORDS =
  /^(?:[a-z][a-z0-9]{0,27}(?:_[a-z0-9]{1,28})*|[A-Z][A-Z0-9]{0,27}(?:_[A-Z0-9]{1,28})*)$/
const LENGTH_MAX = 64

/** True for `invalid_grant`, `http_429`, `ECONNREFUSED`. */
export function isCauseCode(text: string): boolean {
  return text.length <= LENGTH_MAX && WORDS.test(text)
}
