import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { bytesOf, textOf } from "../tests/events.ts";
import { fieldLine, fieldLines, HttpHeaders } from "./headers.ts";
import { RequestParser } from "./request-parser.ts";

/** The headers of a request, as they came. */
function received(lines: string): HttpHeaders {
  const parser = new RequestParser();
  parser.push(bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`));
  parser.next();
  return parser.head.headers;
}

describe("headers that came", () => {
  const headers = received("X-One: 1\r\nx-two:2\r\nSet-Cookie: a=b\r\nSET-COOKIE: c=d\r\nEmpty:\r\nX-One:\t3 \r\n");

  it("are found in any case", () => {
    expect(headers.get("x-one")).toBe("1, 3");
    expect(headers.get("X-TWO")).toBe("2");
    expect(headers.get("x-three")).toBeUndefined();
    expect(headers.get("empty")).toBe("");
    expect([headers.has("HOST"), headers.has("x-on"), headers.has("")]).toEqual([true, false, false]);
    expect(headers.getAll("set-cookie")).toEqual(["a=b", "c=d"]);
    expect(headers.getAll("x-three")).toEqual([]);
  });

  it("keep their order, their case, and their bytes", () => {
    expect(headers.size).toBe(7);
    expect(headers.raw[1]).toEqual(["X-One", "1"]);
    expect(headers.raw[4]).toEqual(["SET-COOKIE", "c=d"]);
    expect([...headers][4]).toEqual(["set-cookie", "c=d"]);
    expect(textOf(headers.rawBytes)).toContain("\r\nX-One:\t3 \r\n");
    expect(fieldLines(headers)).toBe(textOf(headers.rawBytes));
    expect(JSON.parse(JSON.stringify(headers))).toEqual(headers.raw);
    expect(inspect(headers)).toContain("[ 'X-One', '1' ]");
  });

  it("become those of the platform", () => {
    const web = headers.toWeb();
    expect(web.get("x-one")).toBe("1, 3");
    expect(web.getSetCookie()).toEqual(["a=b", "c=d"]);
  });

  it("have one character a byte", () => {
    expect(received("X: \xfc\xff\r\n").get("x")).toBe("\xfc\xff");
  });
});

describe("headers that are made", () => {
  it("come from records, pairs, the platform's, and their like", () => {
    const wanted = [
      ["A", "1"],
      ["B", "x"],
      ["B", "2"],
    ];
    expect(HttpHeaders.from({ A: 1, B: ["x", 2], C: undefined }).raw).toEqual(wanted);
    expect(HttpHeaders.from(wanted as [string, string][]).raw).toEqual(wanted);
    expect(HttpHeaders.from(new Headers({ A: "1" })).raw).toEqual([["a", "1"]]);
    expect(HttpHeaders.from(new Map([["A", "1"]])).raw).toEqual([["A", "1"]]);
    expect(HttpHeaders.from({})).toBe(HttpHeaders.none);
    expect(HttpHeaders.none.size).toBe(0);
  });

  it("lose the whitespace around their values", () => {
    expect(fieldLine("A", " \t b c\t ")).toBe("A: b c\r\n");
    expect(fieldLine("A", " ")).toBe("A: \r\n");
  });

  for (const [name, value, why] of [
    ["", "a", "cannot be named"],
    ["a b", "a", "cannot be named"],
    ["a:", "a", "cannot be named"],
    ["a\r\nb", "a", "cannot be named"],
    ["ä", "a", "cannot be named"],
    ["a", "b\r\nSet-Cookie: c", "control character 0x0d at 1"],
    ["a", "b\nc", "control character 0x0a at 1"],
    ["a", "\0", "control character 0x00 at 0"],
    ["a", "\x7f", "control character 0x7f"],
    ["a", "€", "U+20AC"],
    // In one byte each of these would be a CR or an LF: that is how other writers were tricked.
    ["a", "b\u010d\u010ac", "U+010D"],
    ["a", "b\u560d\u560ac", "U+560D"],
  ] as const)
    it(`cannot be ${JSON.stringify(name)}: ${JSON.stringify(value)}`, () => {
      expect(() => HttpHeaders.from({ [name]: value })).toThrow(TypeError);
      expect(() => fieldLine(name, value)).toThrow(why);
    });

  it("take strings and numbers, and say so", () => {
    expect(() => fieldLine("a", null as unknown as string)).toThrow("takes a string or a number");
    expect(() => fieldLine("a", {} as unknown as string)).toThrow(TypeError);
    expect(() => HttpHeaders.from({ a: [["x"]] as unknown as string[] })).toThrow(TypeError);
  });
});
