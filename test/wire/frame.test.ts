import fc from "fast-check"
import { expect, test } from "vitest"
import { encodeFrame, FRAME_BYTES_MAX, FrameDecoder, frameOf } from "../../src/wire/frame.ts"
import { pack, unpack } from "../../src/wire/pack.ts"
import { endsTyped, mutated, refusal } from "./fuzz.ts"

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string({ unit: "binary", maxLength: 50 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc
      .dictionary(fc.string({ maxLength: 8 }), tie("value"), { noNullPrototype: true })
      .filter((map) => !Object.hasOwn(map, "__proto__")),
  ),
})).value

test("plain values come back as they went, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(plain, { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      (sent, size) => {
        const stream = Buffer.concat(sent.map(encodeFrame))
        const decoder = new FrameDecoder()
        const received: unknown[] = []

        for (let at = 0; at < stream.length; at += size) {
          received.push(...decoder.push(stream.subarray(at, at + size)))
        }

        expect(received).toEqual(sent)
        expect(decoder.idle).toBe(true)
      },
    ),
  )
})

test("a decoded value does not share memory with what was received", () => {
  const received = encodeFrame({ data: Uint8Array.of(1, 2, 3) })

  const [value] = new FrameDecoder().push(received)
  received.fill(0)

  expect(value).toEqual({ data: Uint8Array.of(1, 2, 3) })
})

test("an announced length over the cap is refused before its bytes come", () => {
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, FRAME_BYTES_MAX + 1)

  expect(refusal(() => new FrameDecoder().push(header)).reason).toBe("too-long")
  expect(refusal(() => frameOf(new Uint8Array(FRAME_BYTES_MAX + 1))).reason).toBe("too-long")
})

test("the longest frame passes", () => {
  const value = new Uint8Array(FRAME_BYTES_MAX - 5)

  expect(new FrameDecoder().push(encodeFrame(value))).toEqual([value])
})

test("an empty frame is refused", () => {
  expect(refusal(() => new FrameDecoder().push(new Uint8Array(4))).reason).toBe("empty")
})

test("a decoder that failed once refuses what follows", () => {
  const decoder = new FrameDecoder()
  refusal(() => decoder.push(frameOf(Uint8Array.of(0xc1))))

  expect(refusal(() => decoder.push(encodeFrame(1))).reason).toBe("not-plain")
})

test("a frame that was cut off leaves the decoder waiting, not failing", () => {
  const decoder = new FrameDecoder()

  expect(decoder.push(encodeFrame("hello").subarray(0, 7))).toEqual([])
  expect(decoder.idle).toBe(false)
})

test.each([
  ["a nest of arrays", new Uint8Array(20_000).fill(0x91), "too-deep"],
  [
    "a nest of maps",
    Buffer.concat(Array<Buffer>(40).fill(Buffer.from("81a161", "hex"))),
    "too-deep",
  ],
  ["an array that claims four thousand million", Buffer.from("ddffffffff", "hex"), "malformed"],
  ["a string longer than the frame", Buffer.from("db7fffffff41", "hex"), "malformed"],
  ["a record extension", Buffer.from("d47240", "hex"), "not-plain"],
  ["a date extension", Buffer.from("d6ff00000000", "hex"), "not-plain"],
  ["a number as key", Buffer.from("810102", "hex"), "not-plain"],
  ["bytes after the value", Buffer.from("0102", "hex"), "malformed"],
  [
    "too many values",
    Buffer.concat([Buffer.from("dd00013880", "hex"), Buffer.alloc(80_000)]),
    "too-many",
  ],
])("%s is refused", (_, bytes, reason) => {
  expect(refusal(() => unpack(bytes)).reason).toBe(reason)
})

test("a key named __proto__ reaches no prototype", () => {
  const bytes = Buffer.from("81a95f5f70726f746f5f5f81a16101", "hex")

  const value = unpack(bytes)

  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(value).not.toHaveProperty("a")
})

test("no bytes make unpacking or the decoder throw anything but their own error", () => {
  const samples = [
    pack({ a: [1, "x", null, Uint8Array.of(1)], b: { c: 2 ** 40 } }),
    encodeFrame([1, 2]),
  ]
  fc.assert(
    fc.property(mutated(samples), fc.integer({ min: 1, max: 9 }), (bytes, size) => {
      const decoder = new FrameDecoder()
      const read = [
        () => unpack(bytes),
        () => {
          for (let at = 0; at < bytes.length; at += size)
            decoder.push(bytes.subarray(at, at + size))
        },
      ]
      for (const run of read) {
        expect(endsTyped(() => run())).toBe(true)
      }
    }),
    { numRuns: 2_000 },
  )
})
