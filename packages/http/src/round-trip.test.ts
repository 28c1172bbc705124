/**
 * Random messages through the writer and back through the parser, in random pieces: what comes out is what went in, on both
 * sides; and what cannot be written is thrown, so that nothing else than what was meant can come out.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesOf, textOf } from "../tests/events.ts";
import { fieldLines, HttpHeaders } from "./headers.ts";
import { CLOSED, DATA, END, HEAD, NEED } from "./parser.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";
import {
  chunkOf,
  IN_CHUNKS,
  lastChunk,
  latin1Bytes,
  NO_LENGTH,
  requestText,
  ResponseWriter,
  SAY_CLOSE,
  SILENT,
  withBytes,
} from "./writer.ts";

const TOKEN = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz";
const token = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 12 });
/** Tab, space, and all bytes that are no control characters. */
const LETTERS = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(
  (letter) => letter === "\t" || (letter >= " " && letter !== "\x7f"),
);
const trimmed = (text: string): string => text.replaceAll(/^[ \t]+|[ \t]+$/g, "");
const value = fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 30 }).map(trimmed);
/** Those that frame the message are the writer's business. */
const RESERVED = /^(host|content-length|transfer-encoding|connection|expect|upgrade)$/i;
const headers = fc.array(
  fc.tuple(
    token.filter((name) => !RESERVED.test(name)),
    value,
  ),
  { maxLength: 8 },
);
const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
const target = fc
  .string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)), maxLength: 20 })
  .map((text) => `/${text.replaceAll("#", "")}`);
const method = token.filter((name) => name !== "CONNECT" && name !== "TRACE");
const framing = fc.constantFrom("none", "length", "chunked");
const cuts = fc.array(fc.nat(400), { maxLength: 6 });

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

function inPieces(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...at.map((one) => Math.min(one, bytes.length)), bytes.length].toSorted((a, b) => a - b);
  let from = 0;
  return places.map((to) => bytes.slice(from, (from = to)));
}

/** A body in chunks, as it is written. */
const chunked = (data: readonly Uint8Array[], trailers: [string, string][]): Uint8Array[] => [
  ...data.map((one) => {
    const written = chunkOf(one);
    return written instanceof Uint8Array ? written : join(written);
  }),
  lastChunk(trailers),
];

/** The body of one message, in whatever pieces it comes; at its end there is need of more, or the stream is closed. */
function readBody(parser: RequestParser | ResponseParser, parts: Uint8Array[]): string {
  let body = "";
  let ended = false;
  for (;;) {
    const event = parser.next();
    if (event === DATA) body += textOf(parser.data);
    else if (event === END) {
      ended = true;
      break;
    } else if (event === NEED) {
      const part = parts.shift();
      if (part === undefined) parser.finish();
      else parser.push(part);
    } else break;
  }
  expect(ended).toBe(true);
  return body;
}

function readHead(parser: RequestParser | ResponseParser, parts: Uint8Array[]): void {
  for (let event = parser.next(); event !== HEAD; event = parser.next()) {
    expect(event).toBe(NEED);
    expect(parts.length).toBeGreaterThan(0);
    parser.push(parts.shift() as Uint8Array);
  }
}

const trailers = fc.array(
  fc.tuple(
    token.map((name) => `X-${name}`),
    value,
  ),
  { maxLength: 3 },
);

it("requests that are written are read as what was meant, one after the other, in any pieces", () => {
  const request = fc.record({ method, target, headers, framing, chunks, trailers });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), cuts, (requests, at) => {
      const bytes = join(
        requests.flatMap(({ method, target, headers, framing, chunks, trailers }) => {
          const body = join(chunks);
          const length = framing === "none" ? NO_LENGTH : framing === "length" ? body.length : IN_CHUNKS;
          const head = requestText(method, target, "example.org:80", fieldLines(headers), length);
          if (framing === "chunked") return [latin1Bytes(head), ...chunked(chunks, trailers)];
          return [framing === "none" ? latin1Bytes(head) : withBytes(head, body)];
        }),
      );
      const parser = new RequestParser();
      const parts = inPieces(bytes, at);
      for (const { method, target, headers, framing, chunks, trailers } of requests) {
        readHead(parser, parts);
        const { head } = parser;
        expect([head.method, head.target, head.host]).toEqual([method, target, "example.org:80"]);
        const extra = ["content-length", "transfer-encoding"];
        const raw = head.headers.raw.filter(([name]) => !extra.includes(name.toLowerCase()));
        expect(raw).toEqual([["Host", "example.org:80"], ...headers]);
        expect(readBody(parser, parts)).toBe(framing === "none" ? "" : textOf(join(chunks)));
        expect(parser.trailers.raw).toEqual(framing === "chunked" ? trailers : []);
      }
      while (parts.length > 0) parser.push(parts.shift() as Uint8Array);
      expect([parser.next(), parser.buffered, parser.consumed]).toEqual([NEED, 0, bytes.length]);
    }),
    { numRuns: 150 },
  );
});

it("responses that are written are read as what was meant, in any pieces", () => {
  const status = fc.constantFrom(200, 201, 299, 304, 204, 404, 500, 599, 999);
  const reason = fc.option(value, { nil: undefined });
  const asked = fc.constantFrom("GET", "HEAD", "POST");
  const closing = fc.boolean();
  const writer = new ResponseWriter(() => 0);
  fc.assert(
    fc.property(
      fc.record({ status, reason, headers, framing, chunks, trailers, asked, closing }),
      cuts,
      ({ status, reason, headers, framing, chunks, trailers, asked, closing }, at) => {
        const bodiless = status === 204 || status === 304 || asked === "HEAD";
        const body = join(chunks);
        const connection = closing ? SAY_CLOSE : SILENT;
        const lines = fieldLines(headers);
        const length =
          framing === "none" || status === 204 ? NO_LENGTH : framing === "length" ? body.length : IN_CHUNKS;
        const parts: Uint8Array[] = [];
        if (framing === "length" && !bodiless) parts.push(writer.whole(status, reason, lines, body, connection, true));
        else parts.push(writer.head(status, reason, lines, length, connection, true));
        if (framing === "chunked" && !bodiless) parts.push(...chunked(chunks, trailers));
        if (framing === "none" && !bodiless) parts.push(body);
        const pieces = inPieces(join(parts), at);
        const parser = new ResponseParser();
        parser.expect(asked);
        readHead(parser, pieces);
        const { head } = parser;
        expect(head.status).toBe(status);
        if (reason !== undefined) expect(head.reason).toBe(reason);
        const own = ["content-length", "transfer-encoding", "connection"];
        expect(head.headers.raw.filter(([name]) => !own.includes(name.toLowerCase()))).toEqual(headers);
        expect(head.persistent).toBe(!closing && !head.untilClose);
        expect(readBody(parser, pieces)).toBe(bodiless ? "" : textOf(body));
        expect(parser.trailers.raw).toEqual(framing === "chunked" && !bodiless ? trailers : []);
        parser.finish();
        expect(parser.next()).toBe(CLOSED);
      },
    ),
    { numRuns: 150 },
  );
});

it("whatever is given as a header is one header, or is thrown", () => {
  const any = fc.string({
    unit: fc.oneof(
      fc.constantFrom("\r", "\n", "\0", ":", " ", "\t", "a", "é", "\u2028", "\u0130", "\u560a"),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
    maxLength: 12,
  });
  fc.assert(
    fc.property(any, any, (name, value) => {
      let lines: string;
      try {
        lines = fieldLines([[name, value]]);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      expect(RESERVED.test(name)).toBe(false);
      const parser = new RequestParser();
      parser.push(bytesOf(requestText("GET", "/", "a", lines, NO_LENGTH)));
      expect(parser.next()).toBe(HEAD);
      expect(parser.head.headers.raw).toEqual([
        ["Host", "a"],
        [name, trimmed(value)],
      ]);
      expect([parser.next(), parser.next(), parser.buffered]).toEqual([END, NEED, 0]);
    }),
    { numRuns: 500 },
  );
});

it("whatever is given as method, target, host or reason stays on its line, or is thrown", () => {
  const any = fc.string({
    unit: fc.constantFrom("\r", "\n", "\0", " ", "\t", "a", "/", ":", "é", "\u560a", "#", "\x7f"),
    maxLength: 6,
  });
  const writer = new ResponseWriter(() => 0);
  const lineCount = (make: () => string): number => {
    try {
      return make().split(/\r\n|\r|\n/).length;
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return -1;
    }
  };
  fc.assert(
    fc.property(any, (text) => {
      expect([-1, 4]).toContain(lineCount(() => requestText(text, "/", "a", "", NO_LENGTH)));
      expect([-1, 4]).toContain(lineCount(() => requestText("GET", text, "a", "", NO_LENGTH)));
      expect([-1, 4]).toContain(lineCount(() => requestText("GET", "/", text, "", NO_LENGTH)));
      expect([-1, 3]).toContain(lineCount(() => writer.headText(200, text, "", NO_LENGTH, SILENT, true)));
    }),
    { numRuns: 500 },
  );
});

it("headers made of anything that can hold them are the same headers", () => {
  fc.assert(
    fc.property(headers, (pairs) => {
      const made = HttpHeaders.from(pairs);
      expect(made.raw).toEqual(pairs);
      expect(HttpHeaders.from(made)).toBe(made);
      expect(HttpHeaders.from(fieldLines(made) === "" ? [] : made.raw).raw).toEqual(pairs);
      for (const [name] of pairs) {
        const all = pairs.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
        expect(made.getAll(name.toUpperCase())).toEqual(all);
        expect(made.get(name.toLowerCase())).toBe(all.join(", "));
        expect(made.toWeb().get(name)).toBe(all.join(", "));
      }
    }),
    { numRuns: 200 },
  );
});
