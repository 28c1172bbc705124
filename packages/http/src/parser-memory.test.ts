/** What the parser remembers of one request must not change what it makes of the next one. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesOf, requestEvents } from "../tests/events.ts";
import { HEAD } from "./parser.ts";
import { RequestParser } from "./request-parser.ts";

const LINES: readonly string[] = [
  "Host: a",
  "Host: bbbbb",
  "host: a",
  "Connection: keep-alive",
  "Connection: upgrade",
  "Upgrade: websocket",
  "Content-Length: 0",
  "Content-Length: 1",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "X: baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "X : y",
  "X: y",
];

it("requests are read as each would be by a parser of its own, whatever came before them", () => {
  const request = fc.record({
    first: fc.constantFrom(
      "GET / HTTP/1.1",
      "POST /longer HTTP/1.1",
      "GET / HTTP/1.0",
      "GET http://a/ HTTP/1.1",
      "TRACE / HTTP/1.1",
    ),
    // The same lines again and again, mostly.
    lines: fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom<string[]>(
          ["Host: a"],
          ["Host: a", LINES[10] as string],
          ["Host: a", "Content-Length: 1"],
          ["Host: a", "Transfer-Encoding: chunked"],
        ),
      },
      { weight: 2, arbitrary: fc.array(fc.constantFrom(...LINES), { maxLength: 4 }) },
    ),
    cut: fc.nat(120),
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), (requests) => {
      const pieces: Uint8Array[] = [];
      const alone: string[] = [];
      for (const { first, lines, cut } of requests) {
        const chunked = lines.some((line) => line.startsWith("Transfer"));
        const length = lines.includes("Content-Length: 1");
        const text = `${[first, ...lines].join("\r\n")}\r\n\r\n${chunked ? "1\r\na\r\n0\r\n\r\n" : length ? "a" : ""}`;
        const own = requestEvents([bytesOf(text)]);
        pieces.push(bytesOf(text.slice(0, cut)), bytesOf(text.slice(cut)));
        const refused = own.at(-1) !== "need";
        alone.push(...(refused ? own : own.slice(0, -1)));
        if (refused) break;
      }
      const together = requestEvents(pieces);
      expect(together.filter((line) => line !== "need")).toEqual(alone.filter((line) => line !== "need"));
    }),
    { numRuns: 1000 },
  );
});

it("a repeated head is still held to the limits, and to the rules of its own first line", () => {
  const fields = `Host: a\r\nX: ${"a".repeat(100)}\r\n\r\n`;
  const parser = new RequestParser({ head: 150 });
  parser.push(bytesOf(`GET / HTTP/1.1\r\n${fields}`));
  expect(parser.next()).toBe(HEAD);
  parser.next();
  parser.push(bytesOf(`GET /${"b".repeat(40)} HTTP/1.1\r\n${fields}`));
  expect(() => parser.next()).toThrow("longer than 150 bytes");
  expect(
    requestEvents([bytesOf(`GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\nGET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n`)]).at(
      -1,
    ),
  ).toContain("the target names");
});

it("headers of repeated heads keep their own values and each other's places", () => {
  const parser = new RequestParser();
  const heads = ["/1", "/22", "/333"].map((target) => {
    parser.push(bytesOf(`GET ${target} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX-Long: ${"x".repeat(60)}\r\n\r\n`));
    expect(parser.next()).toBe(HEAD);
    const { head } = parser;
    parser.next();
    return head;
  });
  expect(heads.map((head) => [head.target, head.host, head.headers.get("accept"), head.headers.size])).toEqual([
    ["/1", "a", "text/html", 3],
    ["/22", "a", "text/html", 3],
    ["/333", "a", "text/html", 3],
  ]);
  expect(heads.map((head) => head.rawHead.length)).toEqual([117, 118, 119]);
});
