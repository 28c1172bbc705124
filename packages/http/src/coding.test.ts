import { gunzipSync, gzipSync, brotliCompressSync, deflateRawSync, deflateSync, zstdCompressSync } from "node:zlib";
import { Flow, run, VirtualHost } from "rondo";
import { describe, expect, test } from "vitest";
import { codings, type ContentCoding, decoded, encode, encoded } from "./coding.ts";
import { HttpError, ProtocolError, TruncatedError } from "./errors.ts";

const virtually = <T>(main: () => Generator<any, T, any>): Promise<T> => run(main, { host: new VirtualHost() });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const ALL: readonly ContentCoding[] = ["br", "zstd", "gzip", "deflate"];
const peers: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  br: brotliCompressSync,
  zstd: zstdCompressSync,
  gzip: gzipSync,
  deflate: deflateSync,
};

async function decodeAll(pieces: readonly Uint8Array[], field: string, max?: number): Promise<Uint8Array> {
  const out = await virtually(() => decoded(Flow.from(pieces), field, { max }).toArray() as never);
  return Buffer.concat(out as Uint8Array[]);
}

const SAMPLES: [string, Uint8Array][] = [
  ["nothing", new Uint8Array(0)],
  ["a byte", Uint8Array.of(7)],
  ["text", bytesOf("the quick brown fox ".repeat(500))],
  ["noise of 300 KiB", Uint8Array.from({ length: 300 * 1024 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255)],
  ["zeros of 3 MiB", new Uint8Array(3 << 20)],
];

describe("content codings", () => {
  test("are all there on this Node, best first", () => {
    expect(codings()).toEqual(ALL);
  });

  for (const coding of ALL) {
    describe(coding, () => {
      test.each(SAMPLES)("%s comes back as it was, encoded at once or bit by bit", async (_, sample) => {
        expect(Buffer.compare(await decodeAll([encode(sample, coding)], coding), sample)).toBe(0);
        const pieces = [sample.subarray(0, 10), sample.subarray(10, 1000), sample.subarray(1000)];
        const packed = await virtually(() => encoded(Flow.from(pieces), coding).toArray() as never);
        expect(Buffer.compare(await decodeAll(packed as Uint8Array[], coding), sample)).toBe(0);
      });

      test("what others encode is read, also byte by byte", async () => {
        const sample = bytesOf("hello, hello, hello, world ".repeat(20));
        const packed = (peers[coding] as (bytes: Uint8Array) => Uint8Array)(sample);
        expect(Buffer.compare(await decodeAll([packed], coding), sample)).toBe(0);
        const single = Array.from(packed, (byte) => Uint8Array.of(byte));
        expect(Buffer.compare(await decodeAll(single, coding), sample)).toBe(0);
      });

      test("a piece that goes in comes out before the next one is asked for", async () => {
        await virtually(function* () {
          let asked = 0;
          const source = Flow.from<string>(function* (emit) {
            for (;;) {
              asked++;
              yield* emit(`line ${asked}\n`);
            }
          });
          const flow = decoded(encoded(source, coding), coding);
          let text = "";
          while (!text.includes("line 3\n")) text += new TextDecoder().decode((yield* flow.next()) as Uint8Array);
          expect(text).toBe("line 1\nline 2\nline 3\n");
          expect(asked).toBeLessThanOrEqual(4);
          flow.close();
        });
      });

      test("cut off at any byte it is an error that says so, and never the end", async () => {
        const packed = encode(bytesOf("abcdefgh".repeat(10)), coding);
        for (let cut = 1; cut < packed.length; cut++) {
          const failure = await decodeAll([packed.subarray(0, cut)], coding).catch((error: unknown) => error);
          expect(failure, `cut at ${cut} of ${packed.length}`).toBeInstanceOf(ProtocolError);
        }
        const half = await decodeAll([packed.subarray(0, packed.length - 2)], coding).catch((error: unknown) => error);
        expect(half).toBeInstanceOf(TruncatedError);
      });

      test("a bomb goes off nowhere: it is found out at its limit", { tags: ["long"] }, async () => {
        const bomb = encode(new Uint8Array(64 << 20), coding);
        const before = process.memoryUsage().arrayBuffers;
        await expect(decodeAll([bomb], coding, 1 << 20)).rejects.toThrow("more than 1048576 bytes");
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
      });

      test("what is something else is an error that names the coding", async () => {
        const failure = await decodeAll([bytesOf("<html>this is not compressed at all, really</html>")], coding).catch(
          (error: unknown) => error,
        );
        expect(failure).toBeInstanceOf(ProtocolError);
        expect((failure as Error).message).toContain(coding);
      });
    });
  }

  test("deflate without zlib's head is read as well", async () => {
    const sample = bytesOf("raw ".repeat(100));
    expect(Buffer.compare(await decodeAll([deflateRawSync(sample)], "deflate"), sample)).toBe(0);
  });

  test("gzip of several members is one body", async () => {
    const packed = Buffer.concat([gzipSync("one "), gzipSync("two")]);
    expect(String(await decodeAll([packed], "gzip"))).toBe("one two");
  });

  test("several on top of each other are taken off in turn, and too many are refused", async () => {
    const sample = bytesOf("layers");
    const packed = encode(encode(sample, "gzip"), "br");
    expect(String(await decodeAll([packed], " GZIP , br"))).toBe("layers");
    expect(String(await decodeAll([encode(sample, "gzip")], "x-gzip, identity"))).toBe("layers");
    expect(() => decoded(Flow.from<Uint8Array>([]), "gzip,".repeat(50))).toThrow("more than 4 content codings");
  });

  test("that are not known are refused by name", () => {
    expect(() => decoded(Flow.from<Uint8Array>([]), "compress")).toThrow(HttpError);
    expect(() => decoded(Flow.from<Uint8Array>([]), "compress")).toThrow('"compress" is not known here');
  });

  test("an empty body is no truncated one", async () => {
    expect((await decodeAll([], "gzip")).length).toBe(0);
    expect((await decodeAll([new Uint8Array(0)], "br")).length).toBe(0);
  });

  test("of two bodies at once do not get into each other's way", async () => {
    await virtually(function* () {
      const [a, b] = [bytesOf("a".repeat(1000)), bytesOf("b".repeat(1000))];
      const flows = [a, b].map((sample) =>
        decoded(encoded(Flow.from([sample.subarray(0, 500), sample.subarray(500)]), "gzip"), "gzip"),
      );
      const texts = ["", ""];
      for (let i = 0; texts.join("").length < 2000; i++)
        texts[i % 2] += new TextDecoder().decode(
          (yield* (flows[i % 2] as Flow<Uint8Array>).next()) ?? new Uint8Array(0),
        );
      expect(texts).toEqual(["a".repeat(1000), "b".repeat(1000)]);
    });
  });

  test("a coder that was given back in the middle remembers nothing", async () => {
    await virtually(function* () {
      const flow = encoded(Flow.from(["secret ".repeat(100), "more"]), "gzip");
      yield* flow.next();
      flow.close();
    });
    expect(gunzipSync(encode(bytesOf("fresh"), "gzip")).toString()).toBe("fresh");
  });
});
