/** Where a profile's key is kept, for people: whoever relies on a keychain must see that there is none. */

import type { ProfileDirectory } from "../machine/profile.ts"
import { keyPlace } from "../machine/profile-key.ts"

export function keyText(directory: ProfileDirectory): string {
  const isInKeychain = keyPlace(directory) === "keychain"
  return isInKeychain
    ? "in the keychain"
    : `in the file ${directory.keyFile}, mode 0600; no keychain used`
}
