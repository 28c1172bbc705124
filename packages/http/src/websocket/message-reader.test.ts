import zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeflateAgreement } from "./extensions.ts";
import { WebSocketError } from "./errors.ts";
import { CONTROL, ENDED, MESSAGE, MessageReader, NOTHING, PART, STARTED } from "./message-reader.ts";
import { nodeDeflate } from "./node-deflate.ts";

const TAKEOVER: DeflateAgreement = {
  sendBits: 15,
  sendTakeover: true,
  receiveBits: 15,
  receiveTakeover: true,
  threshold: 0,
  level: 6,
  memLevel: 8,
};
const ANEW: DeflateAgreement = { ...TAKEOVER, receiveTakeover: false };

interface Options {
  readonly maxMessage?: number;
  readonly deflate?: DeflateAgreement | undefined;
  readonly inParts?: boolean;
}

function reader({ maxMessage = 1 << 20, deflate }: Options = {}): MessageReader {
  return new MessageReader({ masked: false, maxMessage, deflate, service: nodeDeflate() });
}

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (two) => parseInt(two, 16));
const shown = (value: string | Uint8Array): string =>
  typeof value === "string" ? `"${value}"` : `<${Buffer.from(value).toString("hex")}>`;

/** An unmasked frame; `flags` are those of its first byte. */
function frame(byte0: number, payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  const { length } = bytes;
  const head =
    length < 126
      ? [byte0, length]
      : length < 65_536
        ? [byte0, 126, length >> 8, length & 255]
        : [byte0, 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Buffer.concat([Uint8Array.from(head), bytes]);
}

/** What it says of bytes that come in these chunks. */
function said(chunks: readonly Uint8Array[], options: Options = {}): string[] {
  const messages = reader(options);
  const lines: string[] = [];
  let parts = "";
  for (const chunk of chunks) {
    messages.push(chunk.slice());
    for (;;) {
      if (options.inParts === true) messages.inParts = true;
      const event = messages.next();
      if (event === NOTHING) break;
      if (event === MESSAGE) lines.push(shown(messages.value));
      if (event === CONTROL)
        lines.push(`control ${messages.opcode}: ${Buffer.from(messages.payload).toString("latin1")}`);
      if (event === STARTED) parts = messages.text ? "text " : "bytes ";
      if (event === PART)
        parts += typeof messages.value === "string" ? messages.value : Buffer.from(messages.value).toString("hex");
      if (event === ENDED) lines.push(parts);
    }
  }
  messages.close();
  return lines;
}

/** The same, in every way in which the bytes can come. */
function saidAnyhow(bytes: Uint8Array, options: Options = {}): string[] {
  const whole = said([bytes], options);
  expect(
    said(
      Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)),
      options,
    ),
  ).toEqual(whole);
  for (let i = 1; i < bytes.length; i++)
    expect(said([bytes.subarray(0, i), bytes.subarray(i)], options)).toEqual(whole);
  return whole;
}

/** At which byte it throws, one byte at a time, and what. */
function thrownAt(bytes: Uint8Array, options: Options = {}): { readonly at: number; readonly error: WebSocketError } {
  const messages = reader(options);
  for (let at = 0; at < bytes.length; at++) {
    messages.push(bytes.slice(at, at + 1));
    try {
      while (messages.next() !== NOTHING);
    } catch (error) {
      expect(error).toBeInstanceOf(WebSocketError);
      expect(() => said([bytes], options)).toThrow((error as Error).message);
      return { at, error: error as WebSocketError };
    }
  }
  throw new Error("nothing was thrown");
}

/** As another endpoint deflates: raw, flushed, without its tail. */
const deflated = (data: string | Uint8Array): Uint8Array =>
  zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe("messages", () => {
  test("of one frame, of many, of empty ones, with control frames between", () => {
    const bytes = Buffer.concat([
      frame(0x81, "whole"),
      frame(0x01, "in "),
      frame(0x89, "ping"),
      frame(0x00, ""),
      frame(0x00, "three "),
      frame(0x80, "frames"),
      frame(0x82, hex("00ff")),
      frame(0x81, ""),
      frame(0x02, ""),
      frame(0x80, ""),
      frame(0x01, ""),
      frame(0x80, "late"),
    ]);
    const lines = ['"whole"', "control 9: ping", '"in three frames"', "<00ff>", '""', "<>", '"late"'];
    expect(saidAnyhow(bytes)).toEqual(lines);
    expect(saidAnyhow(bytes, { inParts: true })).toEqual([
      "text whole",
      "control 9: ping",
      "text in three frames",
      "bytes 00ff",
      "text ",
      "bytes ",
      "text late",
    ]);
  });

  test("characters are cut anywhere by frames (RFC 6455, 5.6)", () => {
    const text = Buffer.from("κόσμε€😀");
    for (let i = 0; i <= text.length; i++) {
      const bytes = Buffer.concat([frame(0x01, text.subarray(0, i)), frame(0x80, text.subarray(i))]);
      expect(said([bytes])).toEqual(['"κόσμε€😀"']);
      expect(said([bytes], { inParts: true })).toEqual(["text κόσμε€😀"]);
    }
    const single = [...text].map((byte, i) =>
      frame((i === 0 ? 1 : 0) | (i === text.length - 1 ? 0x80 : 0), Uint8Array.of(byte)),
    );
    expect(saidAnyhow(Buffer.concat(single))).toEqual(['"κόσμε€😀"']);
  });

  test("a mark of the order of bytes is a character like others", () =>
    expect(said([frame(0x81, "\ufeffx")])).toEqual(['"\ufeffx"']));
});

describe("text that is none is refused at the byte that shows it (RFC 6455, 8.1)", () => {
  test.each([
    ["in one frame", frame(0x81, hex("ce ba e1 bd b9 cf 83 ed a0 80 65 64")), 2 + 8],
    ["in the first of two", Buffer.concat([frame(0x01, hex("61 f4 90 80 80")), frame(0x80, "x")]), 2 + 2],
    ["across two frames", Buffer.concat([frame(0x01, hex("61 f4")), frame(0x80, hex("90 80 80"))]), 2 + 2 + 2],
    [
      "with a Ping between",
      Buffer.concat([frame(0x01, hex("e2 82")), frame(0x89, "x"), frame(0x80, hex("28"))]),
      4 + 3 + 2,
    ],
    ["cut at the end", frame(0x81, hex("61 e2 82")), 4],
    ["cut at the end, and the end is an empty frame", Buffer.concat([frame(0x01, hex("c3")), frame(0x80, "")]), 3 + 1],
    [
      "in a large frame, long before its end",
      frame(0x81, Buffer.concat([Buffer.from("x".repeat(200)), hex("ff"), Buffer.alloc(300)])),
      4 + 200,
    ],
  ])("%s", (_what, bytes, at) => {
    const thrown = thrownAt(bytes);
    expect(thrown.error).toMatchObject({ code: 1007, rfc: "RFC 6455, 8.1" });
    expect(thrown.at).toBe(at);
  });

  test("also where the message is taken in parts, or let go", () => {
    const bytes = Buffer.concat([frame(0x01, "good"), frame(0x00, hex("c3")), frame(0x80, hex("28"))]);
    expect(() => said([bytes], { inParts: true })).toThrow("not UTF-8");
    const messages = reader();
    messages.inParts = true;
    messages.push(bytes);
    expect(messages.next()).toBe(STARTED);
    messages.dropRest();
    expect(() => messages.next()).toThrow("not UTF-8");
  });

  test("a message in parts that ends in the middle of a character is none either", () => {
    expect(() => said([frame(0x81, hex("61 e2 82"))], { inParts: true })).toThrow("not UTF-8");
    expect(() => said([frame(0x01, hex("61 e2 82")), frame(0x80, "")], { inParts: true })).toThrow("not UTF-8");
  });

  test("binary is not looked at", () => expect(said([frame(0x82, hex("ff c0 80"))])).toEqual(["<ffc080>"]));
});

describe("limits (RFC 6455, 10.4)", () => {
  test("a message as large as the limit is taken, one byte more is not, and is known by the head that announces it", () => {
    expect(said([frame(0x82, new Uint8Array(10))], { maxMessage: 10 })).toHaveLength(1);
    expect(thrownAt(frame(0x82, new Uint8Array(11)), { maxMessage: 10 })).toMatchObject({
      at: 1,
      error: { code: 1009 },
    });
    const fragments = Buffer.concat([
      frame(0x02, new Uint8Array(6)),
      frame(0x00, new Uint8Array(4)),
      frame(0x80, new Uint8Array(1)),
    ]);
    expect(thrownAt(fragments, { maxMessage: 10 })).toMatchObject({ at: 8 + 6 + 1, error: { code: 1009 } });
    // A length that nobody could hold costs nothing.
    expect(thrownAt(hex("82 7f 00 00 ff ff ff ff ff ff"), { maxMessage: 10 }).error.code).toBe(1009);
  });

  test("very many empty fragments, and very many small ones, cost no more than what is in them", () => {
    const messages = reader({ maxMessage: 100_000 });
    messages.push(frame(0x02, "x"));
    expect(messages.next()).toBe(NOTHING);
    const many = Buffer.concat(Array.from({ length: 5000 }, (_, i) => frame(0x00, i % 5 === 0 ? "y" : "")));
    for (let i = 0; i < 10; i++) {
      messages.push(many.slice());
      expect(messages.next()).toBe(NOTHING);
    }
    expect(messages.held).toBe(10_001);
    messages.push(frame(0x80, ""));
    expect(messages.next()).toBe(MESSAGE);
    expect(messages.value.length).toBe(10_001);
  });

  test("does not hold for messages in parts", () => {
    const bytes = frame(0x82, new Uint8Array(1000));
    expect(said([bytes], { maxMessage: 10, inParts: true })).toEqual([`bytes ${"00".repeat(1000)}`]);
  });
});

describe("compressed messages (RFC 7692, 7.2.3)", () => {
  const hello = hex("f2 48 cd c9 c9 07 00");
  test.each([
    ["a message in one block", [frame(0xc1, hello)], ['"Hello"']],
    ["in two fragments", [frame(0x41, hello.subarray(0, 3)), frame(0x80, hello.subarray(3))], ['"Hello"']],
    [
      "the same with a Ping between",
      [frame(0x41, hello.subarray(0, 3)), frame(0x89, "p"), frame(0x80, hello.subarray(3))],
      ["control 9: p", '"Hello"'],
    ],
    [
      "twice, with a memory of the first",
      [frame(0xc1, hello), frame(0xc1, hex("f2 00 11 00 00"))],
      ['"Hello"', '"Hello"'],
    ],
    ["not compressed by DEFLATE", [frame(0xc1, hex("00 05 00 fa ff 48 65 6c 6c 6f 00"))], ['"Hello"']],
    [
      "a block that says it is the last",
      [frame(0xc1, hex("f3 48 cd c9 c9 07 00 00")), frame(0xc1, hello)],
      ['"Hello"', '"Hello"'],
    ],
    ["two blocks", [frame(0xc1, hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"))], ['"Hello"']],
    ["an empty message", [frame(0xc1, hex("00")), frame(0xc1, hello)], ['""', '"Hello"']],
    ["empty fragments", [frame(0x41, ""), frame(0x00, hello), frame(0x80, "")], ['"Hello"']],
    [
      "one that is not compressed, between two that are",
      [frame(0xc1, hello), frame(0x81, "plain"), frame(0xc1, hex("f2 00 11 00 00"))],
      ['"Hello"', '"plain"', '"Hello"'],
    ],
    ["binary", [frame(0xc2, deflated(hex("00 ff 00 ff")))], ["<00ff00ff>"]],
  ])("%s", (_what, frames, lines) => expect(saidAnyhow(Buffer.concat(frames), { deflate: TAKEOVER })).toEqual(lines));

  test("without a memory between messages each stands for itself", () => {
    const bytes = Buffer.concat([frame(0xc1, hello), frame(0xc1, hello)]);
    expect(saidAnyhow(bytes, { deflate: ANEW })).toEqual(['"Hello"', '"Hello"']);
    expect(() => said([frame(0xc1, hello), frame(0xc1, hex("f2 00 11 00 00"))], { deflate: ANEW })).toThrow(
      WebSocketError,
    );
  });

  test("what cannot be inflated, and what inflates to no text, is 1007", () => {
    expect(thrownAt(frame(0xc1, hex("ff ff ff ff")), { deflate: TAKEOVER }).error).toMatchObject({
      code: 1007,
      rfc: "RFC 7692, 7.2.2",
    });
    expect(thrownAt(frame(0xc1, deflated(hex("61 ff 61"))), { deflate: TAKEOVER }).error).toMatchObject({
      code: 1007,
      rfc: "RFC 6455, 8.1",
    });
    // The next one finds everything in order.
    expect(said([frame(0xc1, hello)], { deflate: ANEW })).toEqual(['"Hello"']);
  });

  test("a bomb ends at the limit, whatever it would become", () => {
    const bomb = deflated(new Uint8Array(50_000_000));
    expect(bomb.length).toBeLessThan(60_000);
    const messages = reader({ deflate: TAKEOVER, maxMessage: 100_000 });
    messages.push(frame(0xc2, bomb));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => messages.next()).toThrow(expect.objectContaining({ code: 1009 }));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    messages.close();
  });

  test("the parts of a compressed message are the reader's to keep", () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >>> 9);
    const messages = reader({ deflate: TAKEOVER });
    messages.inParts = true;
    messages.push(frame(0xc2, deflated(bytes)));
    const parts: Uint8Array[] = [];
    for (let event = messages.next(); event !== ENDED; event = messages.next())
      if (event === PART) parts.push(messages.value as Uint8Array);
    expect(parts.length).toBeGreaterThan(3);
    expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
    messages.close();
  });

  test("in parts a bomb comes in steps that are small", () => {
    const messages = reader({ deflate: TAKEOVER, maxMessage: 10 });
    messages.inParts = true;
    messages.push(frame(0xc2, deflated(new Uint8Array(10_000_000))));
    expect(messages.next()).toBe(STARTED);
    let size = 0;
    let largest = 0;
    for (;;) {
      const event = messages.next();
      if (event === ENDED) break;
      expect(event).toBe(PART);
      size += messages.value.length;
      largest = Math.max(largest, messages.value.length);
    }
    expect(size).toBe(10_000_000);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
    messages.close();
  });

  test("the memory of one message is good for the next, up to the window that was agreed on", () => {
    const message = Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 7919) & 255));
    const deflater = nodeDeflate()!.deflater({ windowBits: 9, level: 9, memLevel: 8 });
    const deflate = { ...TAKEOVER, receiveBits: 9 };
    const frames: Uint8Array[] = [];
    for (let i = 0; i < 3; i++) {
      deflater.feed(message, true);
      const parts: Uint8Array[] = [];
      for (let part = deflater.take(); part !== undefined; part = deflater.take()) parts.push(part.slice());
      frames.push(frame(0xc2, Buffer.concat(parts).subarray(0, -4)));
    }
    deflater.close();
    expect(frames[2]!.length).toBeLessThan(frames[0]!.length / 4);
    expect(said(frames, { deflate })).toEqual(Array.from({ length: 3 }, () => `<${message.toString("hex")}>`));
  });
});

test("whatever is sent, in whatever frames and chunks, is what comes", () => {
  const piece = fc.oneof(fc.string({ unit: "grapheme", maxLength: 60 }), fc.uint8Array({ maxLength: 300 }));
  const message = fc.record({ data: piece, cuts: fc.array(fc.nat(300), { maxLength: 4 }), packed: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 6 }),
      fc.array(fc.nat(2000), { maxLength: 6 }),
      fc.boolean(),
      (messages, chunkEnds, inParts) => {
        const frames: Uint8Array[] = [];
        const expected: string[] = [];
        for (const { data, cuts, packed } of messages) {
          const plain = Buffer.from(data as Uint8Array);
          const bytes = packed ? deflated(plain) : plain;
          const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted((a, b) => a - b);
          let from = 0;
          for (const [i, end] of ends.entries()) {
            const opcode = i > 0 ? 0 : typeof data === "string" ? 1 : 2;
            frames.push(
              frame(
                opcode | (i === 0 && packed ? 0x40 : 0) | (i === ends.length - 1 ? 0x80 : 0),
                bytes.subarray(from, end),
              ),
            );
            from = end;
          }
          const text = typeof data === "string";
          expected.push(
            inParts ? (text ? `text ${data}` : `bytes ${plain.toString("hex")}`) : shown(text ? data : plain),
          );
        }
        const all = Buffer.concat(frames);
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const end of [...chunkEnds.filter((one) => one < all.length), all.length].toSorted((a, b) => a - b)) {
          chunks.push(all.subarray(from, end));
          from = end;
        }
        expect(said(chunks, { deflate: ANEW, inParts })).toEqual(expected);
      },
    ),
    { numRuns: 150 },
  );
});
