/**
 * No message costs more than its length: of everything that a peer can make long or many, the bytes that are read and copied
 * are counted, whole and byte by byte, and held against how many there are.
 */
import { describe, expect, it, vi } from "vitest";
import { countWork, type Work } from "../tests/counting.ts";
import { bytesOf, inPieces } from "../tests/events.ts";
import { ProtocolError } from "./errors.ts";
import { DATA, NEED } from "./parser.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";

// Loaded as where there is no `Buffer`, so that no byte is read by the host, where nobody could count it.
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

/** Far above what anybody should allow, so that what is not linear would show. */
const WIDE = { head: 10_000_000, target: 10_000_000, fields: 1_000_000, chunkExtension: 1_000_000 };

function work(text: string, size: number, make: () => RequestParser | ResponseParser): Work {
  const pieces = inPieces(bytesOf(text), size);
  return countWork((wrap) => {
    const parser = make();
    try {
      for (const piece of pieces) {
        parser.push(wrap(piece));
        while (parser.next() !== NEED);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
}

const request = () => new RequestParser(WIDE);
const response = () => {
  const parser = new ResponseParser(WIDE);
  parser.expect("GET");
  return parser;
};

const N = 4000;
const HEAD = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKS = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

describe("each byte is read and copied a bounded number of times:", () => {
  for (const [name, text, make] of [
    ["a long target", `GET /${"a".repeat(N)} HTTP/1.1\r\nHost: a\r\n\r\n`, request],
    [
      "a long target that names a host",
      `GET http://${"a".repeat(N)} HTTP/1.1\r\nHost: ${"a".repeat(N)}\r\n\r\n`,
      request,
    ],
    ["a long value", `${HEAD}X: ${"a".repeat(N)}\r\n\r\n`, request],
    ["a long name", `${HEAD}${"a".repeat(N)}: b\r\n\r\n`, request],
    ["a value of spaces", `${HEAD}X: ${" ".repeat(N)}\r\n\r\n`, request],
    ["a value that ends in spaces", `${HEAD}Upgrade: a${" \t".repeat(N / 2)}\r\n\r\n`, request],
    ["many headers", `${HEAD}${"X: a\r\n".repeat(N / 6)}\r\n`, request],
    ["many headers with names of meaning", `${HEAD}${"Connection: a\r\nUpgrade: b\r\n".repeat(N / 27)}\r\n`, request],
    ["many lengths in one line", `${HEAD}Content-Length: 0${",0".repeat(N / 2)}\r\n\r\n`, request],
    ["many lengths in many lines", `${HEAD}${"Content-Length: 0\r\n".repeat(N / 19)}\r\n`, request],
    ["a length of many digits", `${HEAD}Content-Length: ${"0".repeat(N)}\r\n\r\n`, request],
    ["many codings in one line", `${HEAD}Transfer-Encoding: ${"chunked,".repeat(N / 8)}chunked\r\n\r\n`, request],
    ["many codings in many lines", `${HEAD}${"Transfer-Encoding: a, b\r\n".repeat(N / 25)}\r\n`, request],
    ["many words in Connection", `${HEAD}Connection: ${"close, ".repeat(N / 7)}\r\n\r\n`, request],
    ["spaces in Connection", `${HEAD}Connection: ${" ".repeat(N)},${" ".repeat(N)}a\r\n\r\n`, request],
    ["many pipelined requests", "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(N / 29), request],
    ["a body", `${HEAD}Content-Length: ${N}\r\n\r\n${"a".repeat(N)}`, request],
    ["a chunk", `${CHUNKS}${N.toString(16)}\r\n${"a".repeat(N)}\r\n0\r\n\r\n`, request],
    ["many chunks of one byte", `${CHUNKS}${"1\r\na\r\n".repeat(N / 6)}0\r\n\r\n`, request],
    ["long extensions", `${CHUNKS}1;${"a".repeat(N)}\r\na\r\n0\r\n\r\n`, request],
    ["long trailers", `${CHUNKS}0\r\nX: ${"a".repeat(N)}\r\n\r\n`, request],
    ["many trailers", `${CHUNKS}0\r\n${"X: a\r\n".repeat(N / 6)}\r\n`, request],
    ["what is no request", "\x16".repeat(N), request],
    ["a method without end", "A".repeat(N), request],
    ["a long reason", `HTTP/1.1 200 ${"a".repeat(N)}\r\n\r\n`, response],
    ["a body up to the end", `HTTP/1.1 200 OK\r\n\r\n${"a".repeat(N)}`, response],
    ["interim responses", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n".repeat(32), response],
  ] as const)
    it(name, () => {
      for (const size of [Infinity, 1, 3, 1000]) {
        const done = work(text, size, make);
        expect(done.reads, `reads, in pieces of ${size}`).toBeLessThan(text.length * 8 + 300);
        expect(done.copies, `copies, in pieces of ${size}`).toBeLessThan(text.length * 4 + 2000);
      }
    });
});

it("a message in one piece is not copied, nor is its body", () => {
  const text = `${HEAD}X: y\r\nContent-Length: ${N}\r\n\r\n${"a".repeat(N)}`;
  const done = work(text, Infinity, request);
  expect(done.copies).toBe(0);
  expect(done.reads).toBeLessThan(250);
});

it("what is pushed and not asked for is copied a bounded number of times", () => {
  const text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(700);
  const pieces = inPieces(bytesOf(text), 1);
  const done = countWork((wrap) => {
    const parser = new RequestParser();
    let asked = 0;
    for (const piece of pieces) {
      parser.push(wrap(piece));
      // One message is taken for every hundred bytes that come: the rest piles up.
      if (++asked % 100 === 0) parser.next();
    }
    while (parser.next() !== NEED);
  });
  expect(done.copies).toBeLessThan(text.length * 4);
  expect(done.reads).toBeLessThan(text.length * 4);
});

it("data are views of what was pushed, and never written again", () => {
  const parser = new RequestParser();
  const chunk = bytesOf(`${HEAD}Content-Length: 4\r\n\r\nabcd`);
  parser.push(chunk);
  parser.next();
  expect(parser.next()).toBe(DATA);
  expect(parser.data.buffer).toBe(chunk.buffer);
  const { head, data } = parser;
  parser.next();
  for (const piece of inPieces(bytesOf(`PUT /other HTTP/1.1\r\nHost: bbbbbb\r\nContent-Length: 4\r\n\r\nefgh`), 3)) {
    parser.push(piece);
    while (parser.next() !== NEED);
  }
  expect([head.method, head.target, head.host]).toEqual(["POST", "/", "a"]);
  expect([...data]).toEqual([...bytesOf("abcd")]);
});
