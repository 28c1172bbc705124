import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WebSocketError } from "./errors.ts";
import { frameOf } from "./frame-writer.ts";
import { CONTROL, FRAME, FrameReader, type FrameReaderOptions, NOTHING, PIECE } from "./frame-reader.ts";
import { mask, MaskKeys } from "./mask.ts";

const CLIENT: FrameReaderOptions = { masked: false, deflate: false };
const SERVER: FrameReaderOptions = { masked: true, deflate: false };

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (two) => parseInt(two, 16));
const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** What a reader says of bytes that come in these chunks; data frames as `opcode fin first compressed: payload`. */
function said(chunks: readonly Uint8Array[], options: FrameReaderOptions): string[] {
  const reader = new FrameReader(options);
  const lines: string[] = [];
  let payload = "";
  for (const chunk of chunks) {
    reader.push(chunk.slice());
    for (;;) {
      const event = reader.next();
      if (event === NOTHING) break;
      if (event === CONTROL) lines.push(`control ${reader.opcode.toString(16)}: ${ascii(reader.piece)}`);
      if (event === PIECE) {
        payload += ascii(reader.piece);
        if (!reader.ends) continue;
        const flags = `${reader.fin ? " fin" : ""}${reader.first ? " first" : ""}${reader.compressed ? " deflated" : ""}`;
        lines.push(`${reader.opcode}${flags}: ${payload}`);
        payload = "";
      }
      if (event === FRAME) expect(reader.length).toBeGreaterThanOrEqual(0);
    }
  }
  return lines;
}

/** The same, in every way in which the bytes can come: whole, one by one, cut at every place. */
function saidAnyhow(bytes: Uint8Array, options: FrameReaderOptions): string[] {
  const whole = said([bytes], options);
  expect(
    said(
      Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)),
      options,
    ),
  ).toEqual(whole);
  for (let i = 0; i <= bytes.length; i++)
    expect(said([bytes.subarray(0, i), bytes.subarray(i)], options), `cut at ${i}`).toEqual(whole);
  return whole;
}

/** What a reader throws at bytes, however they come, and never before the byte that shows it. */
function thrown(bytes: Uint8Array, options: FrameReaderOptions): WebSocketError {
  const reader = new FrameReader(options);
  let error: unknown;
  for (let i = 0; i < bytes.length && error === undefined; i++) {
    reader.push(bytes.slice(i, i + 1));
    try {
      while (reader.next() !== NOTHING);
    } catch (caught) {
      error = caught;
      expect(i, "it was known only at the last byte").toBe(bytes.length - 1);
    }
  }
  expect(error).toBeInstanceOf(WebSocketError);
  expect(() => said([bytes], options)).toThrow((error as Error).message);
  return error as WebSocketError;
}

describe("the examples of RFC 6455, section 5.7", () => {
  test("an unmasked text message", () =>
    expect(saidAnyhow(hex("81 05 48 65 6c 6c 6f"), CLIENT)).toEqual(["1 fin first: Hello"]));
  test("a masked text message", () =>
    expect(saidAnyhow(hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), SERVER)).toEqual(["1 fin first: Hello"]));
  test("a message in two fragments", () =>
    expect(saidAnyhow(hex("01 03 48 65 6c 80 02 6c 6f"), CLIENT)).toEqual(["1 first: Hel", "1 fin: lo"]));
  test("a Ping, and a masked Pong", () => {
    expect(saidAnyhow(hex("89 05 48 65 6c 6c 6f"), CLIENT)).toEqual(["control 9: Hello"]);
    expect(saidAnyhow(hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), SERVER)).toEqual(["control a: Hello"]);
  });
  test("256 bytes, and 64 KiB", () => {
    const middle = new Uint8Array(4 + 256).fill(120);
    middle.set(hex("82 7e 01 00"));
    expect(said([middle], CLIENT)).toEqual([`2 fin first: ${"x".repeat(256)}`]);
    const long = new Uint8Array(10 + 65_536).fill(121);
    long.set(hex("82 7f 00 00 00 00 00 01 00 00"));
    const events = said([long.subarray(0, 5), long.subarray(5, 40_000), long.subarray(40_000)], CLIENT);
    expect(events).toEqual([`2 fin first: ${"y".repeat(65_536)}`]);
  });
});

describe("what is between frames of a message (5.4)", () => {
  test("control frames come in the middle of a message, and after its last frame a new one begins", () => {
    const bytes = hex("01 01 61  89 01 70  00 00  80 01 62  82 01 63");
    expect(saidAnyhow(bytes, CLIENT)).toEqual(["1 first: a", "control 9: p", "1: ", "1 fin: b", "2 fin first: c"]);
  });
  test("empty frames are frames", () =>
    expect(saidAnyhow(hex("81 00 8a 00 82 00"), CLIENT)).toEqual(["1 fin first: ", "control a: ", "2 fin first: "]));
  test("it knows whether the stream may end", () => {
    const reader = new FrameReader(CLIENT);
    expect(reader.between).toBe(true);
    for (const [bytes, between] of [
      ["01", false],
      ["00", false],
      ["80", false],
      ["00", true],
      ["8a 02 61", false],
      ["62", true],
    ] as const) {
      reader.push(hex(bytes));
      while (reader.next() !== NOTHING);
      expect(reader.between, bytes).toBe(between);
    }
  });
});

describe("what a peer must not send", () => {
  test.each([
    ["RSV1 where nothing was agreed on", "c1", CLIENT, "5.2"],
    ["RSV2", "a1", CLIENT, "5.2"],
    ["RSV3", "91", CLIENT, "5.2"],
    ["RSV2 on a control frame", "a9", CLIENT, "5.2"],
    ["a reserved opcode for data", "83", CLIENT, "5.2"],
    ["the last reserved opcode for data", "87", CLIENT, "5.2"],
    ["a reserved opcode for control", "8b", CLIENT, "5.2"],
    ["the last opcode", "8f", CLIENT, "5.2"],
    ["a mask, being a server", "81 80", CLIENT, "5.1"],
    ["no mask, being a client", "81 00", SERVER, "5.1"],
    ["no mask on a control frame", "89 00", SERVER, "5.1"],
    ["a Ping in fragments", "09 00", CLIENT, "5.5"],
    ["a Close in fragments", "08 00", CLIENT, "5.5"],
    ["a Ping of 126 bytes", "89 7e", CLIENT, "5.5"],
    ["a Close whose length has eight bytes", "88 7f", CLIENT, "5.5"],
    ["a continuation of nothing", "80 00", CLIENT, "5.4"],
    ["a continuation after the end", "81 00 00 00", CLIENT, "5.4"],
    ["a second message in the first", "01 00 81 00", CLIENT, "5.4"],
    ["a second message of another sort", "02 00 01 00", CLIENT, "5.4"],
    ["125 written in two bytes", "82 7e 00 7d", CLIENT, "5.2"],
    ["65535 written in eight bytes", "82 7f 00 00 00 00 00 00 ff ff", CLIENT, "5.2"],
    ["a length of 64 bits", "82 7f 80 00 00 00 00 00 00 00", CLIENT, "5.2"],
  ])("%s", (_what, bytes, options, section) => {
    // Reserved bits and opcodes show in the first byte, but a frame is judged by its first two.
    const whole = hex(bytes).length === 1 ? new Uint8Array([...hex(bytes), options.masked ? 0x80 : 0]) : hex(bytes);
    const error = thrown(whole, options);
    expect(error.code).toBe(1002);
    expect(error.rfc).toBe(`RFC 6455, ${section}`);
  });

  test("more than a number can count is too large, and not a mistake", () =>
    expect(thrown(hex("82 7f 00 20 00 00 00 00 00 00"), CLIENT)).toMatchObject({ code: 1009 }));

  test("RSV1 only on the first frame of a message, where compression was agreed on", () => {
    const deflate = { masked: false, deflate: true };
    expect(saidAnyhow(hex("41 01 61 80 01 62 81 01 63"), deflate)).toEqual([
      "1 first deflated: a",
      "1 fin deflated: b",
      "1 fin first: c",
    ]);
    for (const bytes of ["41 00 c0 00", "c9 00", "c8 00", "ca 00"])
      expect(thrown(hex(bytes), deflate)).toMatchObject({ code: 1002, rfc: "RFC 7692, 6.1" });
  });
});

describe("masking", () => {
  test("long payloads, wherever they lie in memory and wherever the key is turned, are xored byte by byte", () => {
    const key = hex("12 34 56 78");
    for (const length of [0, 1, 3, 63, 64, 65, 127, 1000])
      for (let at = 0; at < 5; at++)
        for (let offset = 0; offset < 5; offset++) {
          const memory = Uint8Array.from({ length: length + 10 }, (_, i) => (i * 7) & 255);
          const before = memory.slice();
          mask(memory.subarray(at, at + length), key, 0, offset);
          const expected = before.map((byte, i) =>
            i >= at && i < at + length ? byte ^ key[(i - at + offset) & 3]! : byte,
          );
          if (Buffer.compare(memory, expected) !== 0) throw new Error(`${length} bytes at ${at}, key at ${offset}`);
        }
  });

  test("keys are drawn anew for each frame", () => {
    let drawn = 0;
    const keys = new MaskKeys((bytes) => bytes.forEach((_, i) => (bytes[i] = ++drawn & 255)));
    const marks = { opcode: 2, fin: true, compressed: false };
    const masks = [1, 2, 3].map(() => [...(frameOf(new Uint8Array(1), marks, keys) as Uint8Array).subarray(2, 6)]);
    expect(masks).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12],
    ]);
  });
});

test("what the writer writes the reader reads, in whatever chunks it comes", () => {
  const frame = fc.record({
    opcode: fc.constantFrom(1, 2, 9, 10),
    size: fc.oneof(fc.nat(130), fc.nat(70_000)),
    cuts: fc.array(fc.nat(64), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), fc.boolean(), (frames, masked) => {
      const keys = masked ? new MaskKeys((bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>)) : null;
      const reader = new FrameReader({ masked, deflate: false });
      for (const { opcode, size, cuts } of frames) {
        const length = opcode > 2 ? size % 126 : size;
        const payload = Uint8Array.from({ length }, (_, i) => i & 255);
        const written = frameOf(payload, { opcode, fin: true, compressed: false }, keys);
        const bytes = written instanceof Uint8Array ? written : Buffer.concat(written as Uint8Array[]);
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
        let got = 0;
        let from = 0;
        let over = false;
        for (const end of ends) {
          reader.push(bytes.slice(from, end));
          from = end;
          for (let event = reader.next(); event !== NOTHING; event = reader.next()) {
            if (event === FRAME) expect(reader.length).toBe(length);
            else {
              for (const byte of reader.piece)
                if (byte !== (got++ & 255)) throw new Error(`byte ${got - 1} is ${byte}`);
              over = event === CONTROL || reader.ends;
              expect(reader.opcode).toBe(opcode);
            }
          }
        }
        expect(over).toBe(true);
        expect(got).toBe(length);
        expect(reader.between).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});
