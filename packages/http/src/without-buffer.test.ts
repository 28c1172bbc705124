/** Where there is no `Buffer`, as in a browser, the same is read and written. */
import { expect, it, vi } from "vitest";
import { bytesOf, inPieces, requestEvents, responseEvents, textOf } from "../tests/events.ts";
import { GOOD_REQUESTS } from "../tests/messages.ts";
import { fieldLines } from "./headers.ts";
import { newBytes, sameBytes } from "./tokens.ts";
import { ResponseWriter, SILENT } from "./writer.ts";

// Before the imports: they look for it when they are loaded.
vi.hoisted(() => {
  const scope = globalThis as { Buffer?: unknown; kept?: unknown };
  scope.kept = scope.Buffer;
  scope.Buffer = undefined;
});
{
  const scope = globalThis as { Buffer?: unknown; kept?: unknown };
  scope.Buffer = scope.kept;
  delete scope.kept;
}

it("memory is the platform's", () => {
  expect(newBytes(3).constructor).toBe(Uint8Array);
});

it("messages are read, and repeated ones too", () => {
  for (const { text, name } of GOOD_REQUESTS.filter((one) => one.text.length < 400)) {
    const bytes = bytesOf(text);
    const events = requestEvents([bytes]);
    expect(events.at(-1), name).toBe("need");
    expect(requestEvents(inPieces(bytes, 1)), name).toEqual(events);
  }
  const one = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"a\xfc".repeat(100)}\r\n\r\n`;
  expect(requestEvents([bytesOf(one + one)]).filter((line) => line.includes("a\xfca\xfc"))).toHaveLength(2);
  expect(responseEvents(["GET"], [bytesOf("HTTP/1.1 200 \xfc\r\nContent-Length: 0\r\n\r\n")])[0]).toContain("200 \xfc");
});

it("bytes are compared to the last one", () => {
  const bytes = new Uint8Array(100);
  const other = new Uint8Array(101);
  expect(sameBytes(bytes, 0, other, 1, 100)).toBe(true);
  other[100] = 1;
  expect(sameBytes(bytes, 0, other, 1, 100)).toBe(false);
  expect(sameBytes(bytes, 0, other, 0, 100)).toBe(true);
});

it("heads and texts are written", () => {
  const writer = new ResponseWriter(() => 0);
  const text = textOf(writer.whole(200, undefined, fieldLines({ X: "\xfc" }), "ü€😀", SILENT, true));
  expect(text).toBe("HTTP/1.1 200 OK\r\nX: \xfc\r\nContent-Length: 9\r\n\r\n\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
});
