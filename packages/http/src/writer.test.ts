import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textOf } from "../tests/events.ts";
import { fieldLines } from "./headers.ts";
import { REASONS, statusLine } from "./status.ts";
import {
  chunkOf,
  IN_CHUNKS,
  lastChunk,
  NO_LENGTH,
  requestText,
  ResponseWriter,
  SAY_CLOSE,
  SAY_KEEP_ALIVE,
  SILENT,
} from "./writer.ts";

describe("the response writer", () => {
  it("writes a head and a small body in one piece", () => {
    const writer = new ResponseWriter(() => 784_111_777_000);
    expect(textOf(writer.whole(200, undefined, fieldLines({ "Content-Type": "text/plain" }), "hello", SILENT))).toBe(
      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    );
    expect(textOf(writer.head(204, undefined, "", NO_LENGTH, SAY_CLOSE, true))).toBe(
      "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    );
  });

  it("counts a text's bytes and not its characters", () => {
    const writer = new ResponseWriter(() => 0);
    const text = textOf(writer.whole(200, "Fine", "", "ü", SILENT, true));
    expect(text).toBe("HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\n\xc3\xbc");
  });

  it("makes the date once a second, and again when the clock goes back", () => {
    let now = 1000;
    const writer = new ResponseWriter(() => now);
    const date = () => /Date: (.*)\r\n/.exec(writer.headText(200, undefined, "", NO_LENGTH, SILENT))?.[1];
    expect(date()).toBe("Thu, 01 Jan 1970 00:00:01 GMT");
    now = 1999;
    expect(date()).toBe("Thu, 01 Jan 1970 00:00:01 GMT");
    now = 2000;
    expect(date()).toBe("Thu, 01 Jan 1970 00:00:02 GMT");
    now = 0;
    expect(date()).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
  });
});

describe("what is remembered of the last head", () => {
  it("changes nothing", () => {
    const head = fc.record({
      status: fc.constantFrom(200, 404),
      reason: fc.constantFrom(undefined, "", "Fine"),
      lines: fc.constantFrom("", "A: b\r\n"),
      length: fc.constantFrom(NO_LENGTH, IN_CHUNKS, 0, 5),
      connection: fc.constantFrom(SILENT, SAY_CLOSE, SAY_KEEP_ALIVE),
      dated: fc.boolean(),
      now: fc.constantFrom(0, 999, 1000, 5000),
    });
    fc.assert(
      fc.property(fc.array(head, { maxLength: 8 }), (heads) => {
        let now = 0;
        const writer = new ResponseWriter(() => now);
        for (const { status, reason, lines, length, connection, dated, ...rest } of heads) {
          ({ now } = rest);
          const alone = new ResponseWriter(() => now).headText(status, reason, lines, length, connection, dated);
          expect(writer.headText(status, reason, lines, length, connection, dated)).toBe(alone);
        }
      }),
    );
  });
});

describe("status lines", () => {
  it("exist for every status that has a name, and for those that have none", () => {
    for (const [status, reason] of Object.entries(REASONS))
      expect(statusLine(Number(status))).toBe(`HTTP/1.1 ${status} ${reason}\r\n`);
    expect(statusLine(299)).toBe("HTTP/1.1 299 \r\n");
  });

  it("do not for what is no status", () => {
    for (const status of [0, 99, 1000, 200.5, Number.NaN, -200, "200\r\nX: y" as unknown as number])
      expect(() => statusLine(status)).toThrow("a status is a number from 100 to 999");
  });
});

describe("the request writer", () => {
  it("writes the host first", () => {
    expect(requestText("GET", "/a", "b:80", "Accept: */*\r\n", IN_CHUNKS)).toBe(
      "GET /a HTTP/1.1\r\nHost: b:80\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
  });
});

describe("the request writer, strictly:", () => {
  it("can write a host that is empty, an address, or has a port", () => {
    for (const host of ["a", "", "[::1]:80", "a.b:8080", "127.0.0.1"])
      expect(requestText("GET", "/", host, "", NO_LENGTH)).toContain(`\r\nHost: ${host}\r\n`);
  });

  for (const [method, target, host] of [
    ["GET /x HTTP/1.1\r\nA:", "/", "a"],
    ["", "/", "a"],
    ["GÈT", "/", "a"],
    ["GET", "", "a"],
    ["GET", "/a b", "a"],
    ["GET", "/\r\nA: b", "a"],
    ["GET", "/ü", "a"],
    ["GET", "/\u010a", "a"],
    ["GET", "/#a", "a"],
    ["GET", "/", "a\r\nA: b"],
    ["GET", "/", "a b"],
    ["GET", "/", "a/b"],
    ["GET", "/", "u@a"],
    ["GET", "/", "a:b"],
  ] as const)
    it(`cannot write ${JSON.stringify([method, target, host])}`, () => {
      expect(() => requestText(method, target, host, "", NO_LENGTH)).toThrow(TypeError);
    });
});

describe("chunks", () => {
  it("are one piece where they are small and three where they are not", () => {
    expect(textOf(chunkOf(new Uint8Array(26).fill(65)) as Uint8Array)).toBe(`1a\r\n${"A".repeat(26)}\r\n`);
    const large = new Uint8Array(5000);
    expect(chunkOf(large)).toHaveLength(3);
    expect((chunkOf(large) as Uint8Array[])[1]).toBe(large);
    expect(textOf(lastChunk({ "X-Sum": 1 }))).toBe("0\r\nX-Sum: 1\r\n\r\n");
    expect(textOf(lastChunk())).toBe("0\r\n\r\n");
    expect(textOf(lastChunk({}))).toBe("0\r\n\r\n");
  });

  it("are never empty: that would end the body", () => {
    expect(() => chunkOf(new Uint8Array(0))).toThrow(RangeError);
  });

  it("are followed by no trailer that would change the message", () => {
    for (const name of ["Content-Length", "transfer-encoding", "HOST", "Set-Cookie", "Content-Type"])
      expect(() => lastChunk([[name, "1"]])).toThrow("cannot be sent behind a body");
    expect(() => lastChunk([["X", "1\r\n\r\nHTTP/1.1 200 OK"]])).toThrow(TypeError);
  });
});
