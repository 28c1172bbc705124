import { describe, expect, it } from "vitest";
import { textOf } from "../tests/events.ts";
import { fieldLines } from "./headers.ts";
import { chunkOf, IN_CHUNKS, lastChunk, NO_LENGTH, requestText, ResponseWriter, SAY_CLOSE, SILENT } from "./writer.ts";

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

describe("the request writer", () => {
  it("writes the host first", () => {
    expect(requestText("GET", "/a", "b:80", "Accept: */*\r\n", IN_CHUNKS)).toBe(
      "GET /a HTTP/1.1\r\nHost: b:80\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
  });
});

describe("chunks", () => {
  it("are one piece where they are small and three where they are not", () => {
    expect(textOf(chunkOf(new Uint8Array(26).fill(65)) as Uint8Array)).toBe(`1a\r\n${"A".repeat(26)}\r\n`);
    const large = new Uint8Array(5000);
    expect(chunkOf(large)).toHaveLength(3);
    expect((chunkOf(large) as Uint8Array[])[1]).toBe(large);
    expect(textOf(lastChunk({ "X-Sum": 1 }))).toBe("0\r\nX-Sum: 1\r\n\r\n");
  });
});
