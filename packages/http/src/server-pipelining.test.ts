/** Handlers of pipelined requests at work side by side, where the server allows it: their answers go out in order all the same. */
import { describe, expect, test } from "vitest";
import { now, sleep } from "rondo";
import { GET, LAST, serving } from "../tests/serving.ts";
import { type AccessEntry, type HttpRequest, HttpResponse, stream, text } from "./index.ts";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe("pipelined requests, three handlers at once", () => {
  const limits = { pipelined: 3 };

  test("take as long as the slowest of them, and are answered in order", () => {
    let atWork = 0;
    let most = 0;
    return serving(
      function* (request) {
        most = Math.max(most, ++atWork);
        yield* sleep(request.path === "/1" ? 100 : 10);
        atWork--;
        return text(request.path);
      },
      function* (client) {
        yield* client.send([1, 2, 3, 4, 5].map((n) => get(`/${n}`)).join(""));
        for (let n = 1; n <= 5; n++) {
          expect(yield* client.answer()).toBe(`200 OK|/${n}`);
          expect(now()).toBe(n <= 3 ? 100 : 110);
        }
        expect(most).toBe(3);
      },
      { limits },
    );
  });

  test("with a body, or that change something, wait for those before them", () => {
    const order: string[] = [];
    return serving(
      function* (request) {
        order.push(`+${request.path}`);
        const body = yield* request.text();
        yield* sleep(10);
        order.push(`-${request.path}`);
        return text(request.path + body);
      },
      function* (client) {
        yield* client.send(
          `${get("/1")}${get("/2")}POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n::DELETE /4 HTTP/1.1\r\nHost: a\r\n\r\n${get("/5")}`,
        );
        for (const body of ["/1", "/2", "/3::", "/4", "/5"]) expect(yield* client.answer()).toBe(`200 OK|${body}`);
        expect(order).toEqual(["+/1", "+/2", "-/1", "-/2", "+/3", "-/3", "+/4", "-/4", "+/5", "-/5"]);
      },
      { limits },
    );
  });

  test("may have bodies all the same, GET among them: those are worked on alone", () =>
    serving(
      function* (request) {
        return text(request.path + (yield* request.text()));
      },
      function* (client) {
        const body = "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n:::";
        yield* client.send(body + get("/2") + body + get("/3") + get("/4"));
        for (const answer of ["/1:::", "/2", "/1:::", "/3", "/4"])
          expect(yield* client.answer()).toBe(`200 OK|${answer}`);
      },
      { limits },
    ));

  test("are all cancelled when the client leaves, their signals aborted", () => {
    const ends: string[] = [];
    return serving(
      function* (request) {
        request.signal.addEventListener("abort", () => ends.push(`aborted ${request.path}`));
        try {
          yield* sleep(60_000);
        } finally {
          ends.push(`ended ${request.path}`);
        }
        return text("never");
      },
      function* (client) {
        yield* client.send(get("/1") + get("/2") + get("/3") + get("/4"));
        yield* sleep(5);
        client.stream.abort();
        yield* sleep(5);
        expect(ends.toSorted()).toEqual(["aborted /1", "aborted /2", "aborted /3", "ended /1", "ended /2", "ended /3"]);
      },
      { limits },
    );
  });

  test("end with the connection: those behind the last answer are cancelled, and logged", () => {
    const ends: string[] = [];
    const logged: unknown[] = [];
    return serving(
      function* (request) {
        try {
          yield* sleep(request.path === "/3" ? 1000 : 10);
        } finally {
          ends.push(`${request.path} at ${now()}`);
        }
        return text(request.path, request.path === "/2" ? { headers: { connection: "close" } } : {});
      },
      function* (client) {
        yield* client.send(get("/1") + get("/2") + get("/3"));
        expect(yield* client.answer()).toBe("200 OK|/1");
        const rest = yield* client.rest();
        expect(rest).toContain("Connection: close\r\n");
        expect(rest.endsWith("/2")).toBe(true);
        expect(ends).toEqual(["/1 at 10", "/2 at 10", "/3 at 10"]);
        expect(logged).toEqual(["/1", "/2", "/3 cancelled"]);
      },
      {
        limits,
        log: {
          info: (entry) => {
            const { req, aborted } = entry as AccessEntry;
            logged.push(aborted === undefined ? req.url : `${req.url} ${aborted}`);
          },
          error() {},
        },
      },
    );
  });

  test("one that throws, and one that takes too long, are answered in their place", () =>
    serving(
      function* (request) {
        if (request.path === "/2") throw new Error("no");
        if (request.path === "/upgrade") return HttpResponse.upgrade({}, function* () {});
        if (request.path === "/slow") yield* sleep(60_000);
        yield* sleep(1);
        return stream([request.path]);
      },
      function* (client) {
        yield* client.send(get("/1") + get("/2") + get("/upgrade"));
        expect(new TextDecoder().decode(yield* client.stream.readUntil("/1\r\n0\r\n\r\n"))).toContain("200 OK");
        expect(yield* client.answer()).toContain("500");
        expect(yield* client.answer()).toContain("500");
        yield* client.send(get("/1") + get("/slow") + get("/3"));
        yield* client.stream.readUntil("/1\r\n0\r\n\r\n");
        const rest = yield* client.rest();
        expect(rest).toContain("503");
        expect(rest).not.toContain("/3");
        expect(now()).toBe(101);
      },
      { limits, timeouts: { handler: 100 } },
    ));

  test("what is no request behind them is refused in its place, and the last one closes", () => {
    const seen: HttpRequest[] = [];
    return serving(
      (request) => {
        seen.push(request);
        return text(request.path);
      },
      function* (client) {
        yield* client.send(`${get("/1")}${get("/2")}${LAST}${GET}`);
        expect(yield* client.answer()).toBe("200 OK|/1");
        expect(yield* client.answer()).toBe("200 OK|/2");
        const rest = yield* client.rest();
        expect(rest.match(/HTTP\/1.1 200/g)).toHaveLength(1);
        expect(rest).toContain("Connection: close\r\n");
        expect(seen).toHaveLength(3);
      },
      { limits },
    ).then(() =>
      serving(
        (request) => text(request.path),
        function* (client) {
          yield* client.send(`${get("/1")}${get("/2")}nonsense\r\n\r\n`);
          expect(yield* client.answer()).toBe("200 OK|/1");
          expect(yield* client.answer()).toBe("200 OK|/2");
          expect(yield* client.answer()).toContain("400 Bad Request|");
        },
        { limits },
      ),
    );
  });

  test("every byte alone gives the same answers", () =>
    serving(
      (request) => text(request.path),
      function* (client, g) {
        g.spawn(function* () {
          yield* client.send(get("/1") + get("/2") + LAST);
        });
        const rest = yield* client.rest();
        expect(rest.match(/HTTP\/1.1 200/g)).toHaveLength(3);
      },
      { limits, window: 1 },
    ));
});
