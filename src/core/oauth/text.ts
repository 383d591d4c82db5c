/** Bytes to text, without a platform: UTF-8 and base64url, both forgiving, since what they read may be damaged. */

const REPLACEMENT = 0xfffd
const PIECE = 4096

/** Reads UTF-8; a byte order mark is dropped, and each byte that fits nowhere becomes U+FFFD. Never throws. */
export function decodeUtf8(bytes: Uint8Array): string {
  const units: number[] = []
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  while (at < bytes.length) {
    const [point, length] = pointAt(bytes, at)
    at += length
    if (point < 0x10000) units.push(point)
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
  }
  let text = ""
  // In pieces: the arguments of one call are limited by the stack.
  for (let i = 0; i < units.length; i += PIECE) {
    text += String.fromCharCode(...units.slice(i, i + PIECE))
  }
  return text
}

function pointAt(bytes: Uint8Array, at: number): readonly [point: number, length: number] {
  const first = bytes[at] ?? 0
  if (first < 0x80) return [first, 1]
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4) return [REPLACEMENT, 1]
  let point = first & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]
    if (byte === undefined || (byte & 0xc0) !== 0x80) return [REPLACEMENT, 1]
    point = (point << 6) | (byte & 0x3f)
  }
  const least = length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80
  const surrogate = point >= 0xd800 && point <= 0xdfff
  return point < least || point > 0x10ffff || surrogate ? [REPLACEMENT, 1] : [point, length]
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** The bytes of base64url text (RFC 4648 §5, padding optional); null when it is not that. */
export function decodeBase64Url(text: string): Uint8Array | null {
  const digits = text.replace(/={1,2}$/, "")
  if (digits.length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (const digit of digits) {
    const value = ALPHABET.indexOf(digit)
    if (value < 0) return null
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at++] = (bits >> held) & 0xff
  }
  return bytes
}
