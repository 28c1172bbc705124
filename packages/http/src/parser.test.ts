import { describe, expect, it } from "vitest";
import { bytesOf, requestEvents, responseEvents } from "../tests/events.ts";

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
});

describe("the response parser", () => {
  it("reads a response whose length is known", () => {
    expect(responseEvents(["GET"], [bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")])).toEqual([
      'head 200 OK 1.1 length=2 persistent [["Content-Length","2"]]',
      "data hi",
      "end []",
      "need",
    ]);
  });
});
