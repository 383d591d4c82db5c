/**
 * Plain values to msgpack bytes and back. Decides what is plain: nil, booleans, numbers, strings, bytes, arrays and
 * string-keyed maps; and how deep and how many. Leaves lengths on a stream to frame.ts and shapes to the schemas.
 */

// Not from "msgpackr" itself, which brings streams and looks for a native module: it takes twice as long to load.
import { Packr } from "msgpackr/pack"
import { Unpackr } from "msgpackr/unpack"
import { FrameError } from "./errors.ts"

/** Longest packed value unless the caller says otherwise, in bytes. */
export const PACKED_BYTES_MAX = 262_144
/** The deepest value of ours, a member inside a snapshot, has seven levels. */
const DEPTH_MAX = 16
/** An append of 4,096 entries has some 45,000 values. */
const VALUES_MAX = 65_536

/** Every option is said, since some defaults (records, extensions for undefined and dates) are for trusted peers. */
const OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  int64AsType: "number",
  useFloat32: 0,
  encodeUndefinedAsNil: true,
  largeBigIntToFloat: false,
  largeBigIntToString: false,
  useBigIntExtension: false,
  moreTypes: false,
  structuredClone: false,
  bundleStrings: false,
  sequential: false,
  useToJSON: false,
  useTimestamp32: false,
  coercibleKeyAsNumber: false,
  mapAsEmptyObject: false,
  setAsEmptyObject: false,
  allowArraysInMapKeys: false,
  /** A value must not keep the receive buffer alive, nor change when it is reused. */
  copyBuffers: true,
} as const

const packr: Packr = new Packr(OPTIONS)
const unpackr: Unpackr = new Unpackr(OPTIONS)

/**
 * Packs a plain value. The result is a copy of its own.
 *
 * @throws FrameError `too-long` when it would be longer than `bytesMax`.
 */
export function pack(value: unknown, bytesMax: number = PACKED_BYTES_MAX): Uint8Array {
  const packed = packr.pack(value)
  if (packed.length > bytesMax) throw new FrameError("too-long")
  return new Uint8Array(packed)
}

/**
 * Unpacks exactly one value. The bytes are walked first, without recursion, so that nothing is allocated for what is
 * too deep, too much or not plain.
 *
 * @throws FrameError and nothing else, whatever the bytes.
 */
export function unpack(bytes: Uint8Array, bytesMax: number = PACKED_BYTES_MAX): unknown {
  if (bytes.length > bytesMax) throw new FrameError("too-long")
  if (bytes.length === 0) throw new FrameError("empty")
  checkPlain(bytes)
  try {
    // A plain view: msgpackr gives back Buffers when it is given one.
    return unpackr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
  } catch {
    throw new FrameError("malformed")
  }
}

/** One value's head: how long it is with its own payload, and how many values follow as its content. */
interface Head {
  readonly length: number
  readonly children: number
  readonly map: boolean
  readonly string: boolean
}

function checkPlain(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  /** Values still to come on each level; of a map, twice its pairs, so that an even rest means a key is next. */
  const rest: number[] = [1]
  const isMap: boolean[] = [false]
  let offset = 0
  let values = 0
  while (rest.length > 0) {
    const level = rest.length - 1
    const left = rest[level] ?? 0
    if (left === 0) {
      rest.pop()
      isMap.pop()
      continue
    }
    if (offset >= bytes.length) throw new FrameError("malformed")
    const head = headAt(view, offset)
    if (isMap[level] === true && left % 2 === 0 && !head.string) throw new FrameError("not-plain")
    offset += head.length
    values += 1
    if (values > VALUES_MAX) throw new FrameError("too-many")
    rest[level] = left - 1
    if (head.children > 0) {
      if (rest.length >= DEPTH_MAX) throw new FrameError("too-deep")
      rest.push(head.children)
      isMap.push(head.map)
    }
  }
  if (offset !== bytes.length) throw new FrameError("malformed")
}

const scalar = (length: number): Head => ({ length, children: 0, map: false, string: false })
const text = (length: number): Head => ({ length, children: 0, map: false, string: true })
const list = (length: number, children: number): Head => ({
  length,
  children,
  map: false,
  string: false,
})
const pairs = (length: number, count: number): Head => ({
  length,
  children: count * 2,
  map: true,
  string: false,
})

/** The msgpack specification's table of first bytes, without its extensions. */
function headAt(view: DataView, offset: number): Head {
  const first = view.getUint8(offset)
  if (first <= 0x7f || first >= 0xe0) return scalar(1)
  if (first <= 0x8f) return pairs(1, first & 0x0f)
  if (first <= 0x9f) return list(1, first & 0x0f)
  if (first <= 0xbf) return text(1 + (first & 0x1f))
  switch (first) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return scalar(1)
    case 0xcc:
    case 0xd0:
      return scalar(2)
    case 0xcd:
    case 0xd1:
      return scalar(3)
    case 0xca:
    case 0xce:
    case 0xd2:
      return scalar(5)
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return scalar(9)
    case 0xc4:
    case 0xd9: {
      const length = 2 + size(view, offset, 1)
      return first === 0xd9 ? text(length) : scalar(length)
    }
    case 0xc5:
    case 0xda: {
      const length = 3 + size(view, offset, 2)
      return first === 0xda ? text(length) : scalar(length)
    }
    case 0xc6:
    case 0xdb: {
      const length = 5 + size(view, offset, 4)
      return first === 0xdb ? text(length) : scalar(length)
    }
    case 0xdc:
      return list(3, size(view, offset, 2))
    case 0xdd:
      return list(5, size(view, offset, 4))
    case 0xde:
      return pairs(3, size(view, offset, 2))
    case 0xdf:
      return pairs(5, size(view, offset, 4))
    default:
      throw new FrameError("not-plain")
  }
}

function size(view: DataView, offset: number, bytes: 1 | 2 | 4): number {
  if (offset + 1 + bytes > view.byteLength) throw new FrameError("malformed")
  if (bytes === 1) return view.getUint8(offset + 1)
  if (bytes === 2) return view.getUint16(offset + 1)
  return view.getUint32(offset + 1)
}
