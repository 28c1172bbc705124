import { describe, expect, it } from "vitest";
import { bytesOf, inPieces, requestEvents, responseEvents, textOf } from "../tests/events.ts";
import { MessageTooLargeError, ProtocolError, TruncatedError } from "./errors.ts";
import { CLOSED, DATA, END, HEAD, INTERIM, NEED, SWITCHED } from "./parser.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";

function requestOf(text: string): RequestParser {
  const parser = new RequestParser();
  parser.push(bytesOf(text));
  return parser;
}

function responseOf(method: string, text: string): ResponseParser {
  const parser = new ResponseParser();
  parser.expect(method);
  parser.push(bytesOf(text));
  return parser;
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n";
const OK = "HTTP/1.1 200 OK\r\n";

describe("the request parser", () => {
  it("gives the head, the body and the end of a request", () => {
    expect(requestEvents([bytesOf("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")])).toEqual([
      'head POST /a?b 1.1 length=5 persistent [["Host","x"],["Content-Length","5"]]',
      "data hello",
      "end []",
      "need",
    ]);
  });

  it("reads pipelined requests one after the other", () => {
    const one = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n";
    expect(requestEvents([bytesOf(one + one.replace("1", "2"))])).toEqual([
      'head GET /1 1.1 length=0 persistent [["Host","x"]]',
      "end []",
      'head GET /2 1.1 length=0 persistent [["Host","x"]]',
      "end []",
      "need",
    ]);
  });

  it("reads chunks and trailers", () => {
    const text =
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    expect(requestEvents([bytesOf(text)])).toEqual([
      'head PUT / 1.1 length=-1 chunked persistent [["Host","x"],["Transfer-Encoding","chunked"]]',
      "data hello world",
      'end [["X-Sum","1"]]',
      "need",
    ]);
  });

  it("stands still where a message ends, and gives the rest back", () => {
    const parser = requestOf(`${GET}Connection: Upgrade\r\nUpgrade: shout\r\n\r\n\0\x01more`);
    expect([parser.next(), parser.head.wantsUpgrade, parser.next()]).toEqual([HEAD, true, END]);
    expect([parser.buffered, parser.between]).toEqual([6, true]);
    parser.push(bytesOf("!"));
    expect(textOf(parser.rest())).toBe("\0\x01more!");
    expect([parser.buffered, parser.next()]).toEqual([0, NEED]);
  });

  it("counts what it has read, up to where each message ends", () => {
    const first = `${GET}Content-Length: 2\r\n\r\nhi`;
    const parser = requestOf(first + first);
    while (parser.next() !== END);
    expect(parser.consumed).toBe(first.length);
    while (parser.next() !== END);
    expect([parser.consumed, parser.buffered]).toEqual([2 * first.length, 0]);
  });

  it("knows whether it is between two messages", () => {
    const parser = new RequestParser();
    const states = inPieces(bytesOf(`\r\n${GET}Content-Length: 1\r\n\r\na`), 1).map((piece) => {
      parser.push(piece);
      while (parser.next() !== NEED);
      return parser.between;
    });
    expect(states.indexOf(false)).toBe(2);
    expect(states.lastIndexOf(false)).toBe(states.length - 2);
  });

  it("keeps the head as it came, without what came before it", () => {
    const head = "GET /  HTTP/1.1".replace("  ", " ") + "\r\nhOsT:x  \r\nX:\ty\r\n\r\n";
    const parser = requestOf(`\r\n${head}rest`);
    parser.next();
    expect(textOf(parser.head.rawHead)).toBe(head);
  });

  it("says where a request is for", () => {
    const host = (text: string) => {
      const parser = requestOf(text);
      parser.next();
      return parser.head.host;
    };
    expect(host("GET /a HTTP/1.1\r\nHost: b:80\r\n\r\n")).toBe("b:80");
    expect(host("GET http://B:80/a HTTP/1.1\r\nHost: b\r\n\r\n")).toBe("B:80");
    expect(host("CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n")).toBe("b:443");
    expect(host("GET / HTTP/1.0\r\n\r\n")).toBe("");
  });

  it("is closed by an end between two requests, and not by one in a request", () => {
    const parser = requestOf(`${GET}\r\n`);
    parser.finish();
    expect([parser.next(), parser.next(), parser.next(), parser.next()]).toEqual([HEAD, END, CLOSED, CLOSED]);
    for (const text of ["G", "GET / HTTP/1.1\r\n", GET, `${GET}Content-Length: 2\r\n\r\na`]) {
      const cut = requestOf(text);
      cut.finish();
      expect(() => {
        while (cut.next() !== CLOSED);
      }).toThrow(TruncatedError);
    }
  });

  it("refuses once and for all", () => {
    const parser = requestOf(`GET /\0 HTTP/1.1\r\n\r\n${GET}\r\n`);
    expect(() => parser.next()).toThrow(ProtocolError);
    parser.push(bytesOf(`${GET}\r\n`));
    expect(() => parser.next()).toThrow("in the target");
    expect(() => parser.next()).toThrow(ProtocolError);
  });

  it("takes the limit of the body that was set behind the head", () => {
    const parser = new RequestParser({ body: 3 });
    const long = `${GET}Content-Length: 4\r\n\r\nabcd`;
    parser.push(bytesOf(long + long));
    parser.next();
    parser.bodyLimit = 4;
    expect([parser.next(), parser.next()]).toEqual([DATA, END]);
    expect(parser.next()).toBe(HEAD);
    expect(() => parser.next()).toThrow(MessageTooLargeError);
  });

  it("holds bodies in chunks to the limit before it gives what is above it", () => {
    const parser = new RequestParser({ body: 3 });
    parser.push(bytesOf(`${GET}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\n`));
    expect([parser.next(), parser.next()]).toEqual([HEAD, DATA]);
    expect(() => parser.next()).toThrow("longer than 3 bytes");
  });

  it("knows who waits for 100 Continue", () => {
    const waits = (lines: string, version = "1.1") => {
      const parser = requestOf(`POST / HTTP/${version}\r\nHost: a\r\nExpect: 100-continue\r\n${lines}\r\n`);
      parser.next();
      return parser.head.expectsContinue;
    };
    expect(waits("Content-Length: 5\r\n")).toBe(true);
    expect(waits("Transfer-Encoding: chunked\r\n")).toBe(true);
    expect(waits("")).toBe(false);
    expect(waits("Content-Length: 5\r\n", "1.0")).toBe(false);
  });

  it("knows who wants another protocol", () => {
    const wants = (lines: string, version = "1.1") => {
      const parser = requestOf(`GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`);
      parser.next();
      return parser.head.wantsUpgrade;
    };
    expect(wants("Upgrade: a\r\nConnection: keep-alive, upGrade\r\n")).toBe(true);
    expect(wants("Upgrade: a\r\n")).toBe(false);
    expect(wants("Connection: upgrade\r\n")).toBe(false);
    expect(wants("Upgrade:\r\nConnection: upgrade\r\n")).toBe(false);
    expect(wants("Upgrade: a\r\nConnection: upgrade\r\n", "1.0")).toBe(false);
  });
});

describe("whether another message may follow", () => {
  for (const [version, connection, persistent] of [
    ["1.1", "", true],
    ["1.1", "close", false],
    ["1.1", "CLOSE", false],
    ["1.1", "x, close ,y", false],
    ["1.1", "closed", true],
    ["1.1", "keep-alive", true],
    ["1.1", "keep-alive, close", false],
    ["1.0", "", false],
    ["1.0", "keep-alive", true],
    ["1.0", "Keep-Alive", true],
    ["1.0", "close, keep-alive", false],
  ] as const)
    it(`in ${version} with ${JSON.stringify(connection)}: ${persistent}`, () => {
      const line = connection === "" ? "" : `Connection: ${connection}\r\n`;
      const request = requestOf(`GET / HTTP/${version}\r\nHost: a\r\n${line}\r\n`);
      request.next();
      expect(request.head.persistent).toBe(persistent);
      const response = responseOf("GET", `HTTP/${version} 200 OK\r\nContent-Length: 0\r\n${line}\r\n`);
      response.next();
      expect(response.head.persistent).toBe(persistent);
    });
});

describe("the response parser", () => {
  it("reads a response whose length is known", () => {
    expect(responseEvents(["GET"], [bytesOf(`${OK}Content-Length: 2\r\n\r\nhi`)])).toEqual([
      'head 200 OK 1.1 length=2 persistent [["Content-Length","2"]]',
      "data hi",
      "end []",
      "need",
    ]);
  });

  it("reads one up to the end of the connection", () => {
    expect(responseEvents(["GET"], [bytesOf(`${OK}\r\nhi`), bytesOf(" there")], true)).toEqual([
      "head 200 OK 1.1 length=-1 until-close []",
      "data hi there",
      "end []",
      "closed",
    ]);
  });

  it("gives what is within the limit of a body whose end is not known, and then refuses the rest", () => {
    for (const size of [1, 3, 100])
      expect(responseEvents(["GET"], inPieces(bytesOf(`${OK}\r\nhello`), size), true, { body: 4 })).toEqual([
        "head 200 OK 1.1 length=-1 until-close []",
        "data hell",
        expect.stringContaining("MessageTooLargeError 502"),
      ]);
    expect(responseEvents(["GET"], [bytesOf(`${OK}\r\nhello`)], true, { body: 5 }).at(-1)).toBe("closed");
  });

  it("reads the answers to several requests one after the other", () => {
    const answers = `${OK}Content-Length: 1\r\n\r\n1HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n${OK}Content-Length: 1\r\n\r\n3`;
    expect(
      responseEvents(["GET", "GET", "POST"], [bytesOf(answers)]).filter((line) => !line.startsWith("end")),
    ).toEqual([
      'head 200 OK 1.1 length=1 persistent [["Content-Length","1"]]',
      "data 1",
      'head 304  1.1 length=0 persistent [["Content-Length","9"]]',
      'head 200 OK 1.1 length=1 persistent [["Content-Length","1"]]',
      "data 3",
      "need",
    ]);
  });

  it("gives interim responses before the real one", () => {
    const parser = responseOf("GET", `HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 0\r\n\r\n`);
    expect([parser.next(), parser.head.status, parser.head.headers.get("link")]).toEqual([INTERIM, 103, "a"]);
    expect([parser.next(), parser.head.status, parser.next()]).toEqual([HEAD, 200, END]);
  });

  it("hands over behind 101 and behind a CONNECT that succeeds, whatever length they claim", () => {
    for (const [method, text] of [
      ["GET", "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\n"],
      ["CONNECT", `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`],
    ] as const) {
      const parser = responseOf(method, `${text}other`);
      expect([parser.next(), parser.head.switches, parser.head.length]).toEqual([HEAD, true, 0]);
      expect([parser.next(), parser.next()]).toEqual([SWITCHED, SWITCHED]);
      parser.push(bytesOf("!"));
      expect(textOf(parser.rest())).toBe("other!");
    }
    const refused = responseOf("CONNECT", "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
    expect([refused.next(), refused.next(), refused.next()]).toEqual([HEAD, DATA, END]);
  });

  it("lets nothing follow a 204 that announces a body", () => {
    const persistent = (lines: string) => {
      const parser = responseOf("GET", `HTTP/1.1 204 No Content\r\n${lines}\r\n`);
      parser.next();
      return parser.head.persistent;
    };
    expect(persistent("")).toBe(true);
    expect(persistent("Content-Length: 0\r\n")).toBe(true);
    expect(persistent("Content-Length: 5\r\n")).toBe(false);
    expect(persistent("Transfer-Encoding: chunked\r\n")).toBe(false);
  });

  it("takes nothing that nobody has asked for", () => {
    const parser = new ResponseParser();
    expect(parser.next()).toBe(NEED);
    parser.push(bytesOf(OK));
    expect(() => parser.next()).toThrow("nobody has asked for");
  });

  it("cannot be asked for two answers at once", () => {
    const parser = responseOf("GET", OK);
    expect(() => parser.expect("GET")).toThrow("has not ended");
    parser.next();
    expect(() => parser.expect("GET")).toThrow("has not ended");
  });

  it("tells an answer that never began from one that broke off", () => {
    const none = new ResponseParser();
    none.expect("GET");
    none.finish();
    expect(none.next()).toBe(CLOSED);
    const promised = responseOf("GET", "HTTP/1.1 100 Continue\r\n\r\n");
    promised.finish();
    expect(promised.next()).toBe(INTERIM);
    expect(() => promised.next()).toThrow(TruncatedError);
  });

  it("keeps the head as it came", () => {
    const parser = responseOf("GET", `${OK}content-LENGTH:0 \r\n\r\n`);
    parser.next();
    expect(textOf(parser.head.rawHead)).toBe(`${OK}content-LENGTH:0 \r\n\r\n`);
    expect(parser.head.reason).toBe("OK");
  });
});

it("limits are numbers", () => {
  expect(() => new RequestParser({ head: -1 })).toThrow("limits.head is a number, 0 or more, not -1");
  expect(() => new ResponseParser({ fields: Number.NaN })).toThrow(RangeError);
});

describe("what the parser keeps", () => {
  it("small chunks that come together are one piece, and large ones are views", () => {
    const small = Array.from({ length: 2000 }, (_, i) => `1\r\n${i % 10}\r\n`).join("");
    const large = "a".repeat(300);
    const parser = requestOf(`${GET}Transfer-Encoding: chunked\r\n\r\n${small}12c\r\n${large}\r\n0\r\n\r\n`);
    const sizes: number[] = [];
    let text = "";
    for (let event = parser.next(); event !== END; event = parser.next())
      if (event === DATA) {
        sizes.push(parser.data.length);
        text += textOf(parser.data);
      }
    expect(text).toBe("0123456789".repeat(200) + large);
    expect(sizes).toEqual([2000, 300]);
  });

  it("a small chunk takes no more room than it needs", () => {
    const parser = requestOf(`${GET}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1388\r\n${"b".repeat(5000)}\r\n`);
    expect([parser.next(), parser.next(), parser.data.length]).toEqual([HEAD, DATA, 1]);
    expect(parser.data.buffer.byteLength).toBe(1);
    expect([parser.next(), parser.data.length]).toEqual([DATA, 5000]);
  });

  it("what came before a wrong chunk is given before it is refused", () => {
    const parser = requestOf(`${GET}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\nx\r\n`);
    expect([parser.next(), parser.next(), textOf(parser.data)]).toEqual([HEAD, DATA, "ab"]);
    expect(() => parser.next()).toThrow("where its size must be");
    expect(() => parser.next()).toThrow(ProtocolError);
    expect(parser.buffered).toBe(0);
  });

  it("a connection that waits for the next message keeps no piece of the last one", () => {
    const parser = requestOf(`${GET}Content-Length: 100000\r\n\r\n${"a".repeat(100_000)}`);
    while (parser.next() !== NEED);
    const held = Object.values(parser as unknown as Record<string, unknown>).filter(
      (value): value is Uint8Array => value instanceof Uint8Array,
    );
    expect(held.length).toBeGreaterThan(1);
    for (const bytes of held) expect(bytes.buffer.byteLength).toBeLessThan(100);
    expect(parser.head.method).toBe("");
  });
});
