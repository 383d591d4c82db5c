/** How `token` answers: the token alone, as a header, or as an object. */

import type { Token } from "../session/types.ts"
import { tokenJson } from "./json.ts"
import type { Output } from "./output.ts"

export function printToken(output: Output, token: Token, header: boolean): void {
  const { accessToken, tokenType } = token
  const scheme = tokenType.toLowerCase() === "bearer" ? "Bearer" : tokenType
  output.answer(tokenJson(token), header ? `Authorization: ${scheme} ${accessToken}` : accessToken)
}
