import { Flow, run, VirtualHost } from "rondo";
import { describe, expect, test } from "vitest";
import { HttpError, ProtocolError } from "./errors.ts";
import { multipart, type MultipartLimits } from "./multipart.ts";

const TYPE = 'multipart/form-data; boundary="----b"';
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Read {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

function readAll(pieces: readonly Uint8Array[], type = TYPE, limits?: MultipartLimits): Promise<Read[]> {
  return run(
    function* () {
      const read: Read[] = [];
      const parts = multipart(Flow.from(pieces), type, limits);
      for (;;) {
        const part = yield* parts.next();
        if (part === undefined) return read;
        const { name, filename, type: partType } = part;
        read.push({ name, filename, type: partType, text: yield* part.text() });
      }
    },
    { host: new VirtualHost() },
  );
}

const BODY =
  "a preamble that nobody reads\r\n------b\r\n" +
  'Content-Disposition: form-data; name="text"\r\n\r\nhello\r\n------b \t\r\n' +
  'Content-Disposition: form-data; name="file"; filename="a%22b.txt"\r\ncontent-type: text/plain\r\n\r\n' +
  "one\r\n-----\r\n------a\r\ntwo\r\n------b\r\n" +
  'Content-Disposition: form-data; name="é漢"\r\n\r\n\r\n------b\r\n\r\nno fields\r\n------b--\r\nand an epilogue';
const EXPECTED: Read[] = [
  { name: "text", filename: undefined, type: undefined, text: "hello" },
  { name: "file", filename: 'a"b.txt', type: "text/plain", text: "one\r\n-----\r\n------a\r\ntwo" },
  { name: "é漢", filename: undefined, type: undefined, text: "" },
  { name: "", filename: undefined, type: undefined, text: "no fields" },
];

describe("a body of several parts", () => {
  test("gives its parts, whatever looks nearly like a boundary", async () => {
    expect(await readAll([encode(BODY)])).toEqual(EXPECTED);
  });

  test("gives the same wherever it is cut, also byte by byte", async () => {
    const bytes = encode(BODY);
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(await readAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(EXPECTED);
    expect(await readAll(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(EXPECTED);
  });

  test("may be without any part, and may begin with its boundary", async () => {
    expect(await readAll([encode("------b--")])).toEqual([]);
    expect(await readAll([encode("------b\r\n\r\nx\r\n------b--")])).toHaveLength(1);
  });

  test("has what nobody read of a part read over when the next one is asked for", async () => {
    await run(function* () {
      const parts = multipart(Flow.from(Array.from(encode(BODY), (byte) => Uint8Array.of(byte))), TYPE);
      const first = yield* parts.next();
      const second = yield* parts.next();
      expect(second?.name).toBe("file");
      expect(yield* first?.body.next() ?? []).toBeUndefined();
      yield* second?.body.next() ?? [];
      expect((yield* parts.next())?.name).toBe("é漢");
    });
  });

  test("what the platform's FormData writes is read as it was meant", async () => {
    const form = new FormData();
    form.append('quote"s and\nbreaks', "v1");
    form.append("file", new Blob([new Uint8Array(100_000).fill(13)]), 'na"me.bin');
    const response = new Response(form);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const read = await readAll([bytes], response.headers.get("content-type") as string);
    expect(read[0]).toMatchObject({ name: 'quote"s and\r\nbreaks', text: "v1" });
    expect(read[1]).toMatchObject({ filename: 'na"me.bin' });
    expect(read[1]?.text.length).toBe(100_000);
  });

  test.each([
    ["", "ends before its last boundary"],
    ["------b\r\n\r\nhello", "ends before its last boundary"],
    ["------b\r\nContent-Disp", "ends in the fields of a part"],
    ["------b", "ends before its last boundary"],
    ["------bx\r\n\r\n------b--", "stands in a line with something else"],
    ["------b\r\nA B: c\r\n\r\n\r\n------b--", "has no name"],
    ["------b\r\n: c\r\n\r\n\r\n------b--", "has no name"],
    ["------b\r\nA: c\nB: d\r\n\r\n\r\n------b--", "control character"],
    ["------b\r\nA: c\r\n folded\r\n\r\n\r\n------b--", "has no name"],
  ])("%j is none: it %s", async (body, message) => {
    const failure = await readAll([encode(body)]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProtocolError);
    expect((failure as Error).message).toContain(message);
  });

  test.each([
    undefined,
    "text/plain; boundary=x",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    `multipart/form-data; boundary=${"x".repeat(71)}`,
    'multipart/form-data; boundary="a\rb"',
  ])("of type %j is refused", (type) => {
    expect(() => multipart(Flow.from<Uint8Array>([]), type)).toThrow(HttpError);
  });

  test("has limits: parts, the fields of one, and what is put together in memory", async () => {
    const many = encode(`${"------b\r\n\r\n\r\n".repeat(5)}------b--`);
    await expect(readAll([many], TYPE, { parts: 4 })).rejects.toMatchObject({ status: 413 });
    expect(await readAll([many], TYPE, { parts: 5 })).toHaveLength(5);
    const long = encode(`------b\r\nA: ${"x".repeat(200)}`);
    await expect(readAll([long, long], TYPE, { head: 100 })).rejects.toMatchObject({ status: 413 });
    await run(function* () {
      const parts = multipart(Flow.from([encode(`------b\r\n\r\n${"x".repeat(50)}\r\n------b--`)]), TYPE);
      const part = yield* parts.next();
      try {
        yield* part?.text({ max: 10 }) ?? [];
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ status: 413 });
      }
    });
  });

  test("of nothing but line breaks costs each byte a bounded number of looks", async () => {
    // Each piece is looked at with what was kept of the one before, and that is never more than a boundary.
    const piece = encode("\r\n--".repeat(1000));
    const pieces = [encode("------b\r\n\r\n"), ...Array.from({ length: 200 }, () => piece), encode("\r\n------b--")];
    const [part] = await readAll(pieces, TYPE);
    expect(part?.text.length).toBe(200 * piece.length);
  });
});
