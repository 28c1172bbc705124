/** How requests end that do not end well: clients that leave, handlers that throw, time that is over, a server that stops. */
import { describe, expect, test } from "vitest";
import { defer, Gate, group, isStopping, now, run, scope, sleep, VirtualHost } from "rondo";
import { type ByteStream, memoryPair } from "rondo/net";
import { GET, serving } from "../tests/serving.ts";
import {
  type AccessEntry,
  HttpError,
  type HttpRequest,
  HttpResponse,
  jsonLog,
  serveStream,
  stream,
  text,
} from "./index.ts";

describe("a client that leaves", () => {
  test.each([
    ["resets the connection", true],
    ["ends its stream", false],
  ])("and %s cancels the handler, whose cleanup runs, and its signal is aborted", (_, reset) => {
    const told: string[] = [];
    return serving(
      function* (request) {
        request.signal.addEventListener("abort", () => told.push(`aborted: ${(request.signal.reason as Error).name}`));
        try {
          yield* sleep(60_000);
          told.push("never");
        } finally {
          yield* sleep(5);
          told.push(`cleaned up at ${now()}`);
        }
        return text("never");
      },
      function* (client) {
        yield* client.send(GET);
        yield* sleep(100);
        if (reset) client.stream.abort();
        else yield* client.stream.end();
        yield* sleep(100);
        expect(told).toEqual(["aborted: ClosedError", "cleaned up at 105"]);
      },
    );
  });

  test("with halfClose one that ends its stream gets its answers, and one that is reset does not", () => {
    let cancelled = 0;
    function* handler(request: HttpRequest) {
      defer(() => void (request.path === "/lost" && cancelled++));
      yield* sleep(100);
      return text(request.path);
    }
    return serving(
      handler,
      function* (client, g) {
        yield* client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        yield* client.stream.end();
        const rest = yield* client.rest();
        expect(rest).toContain("\r\n\r\n/1HTTP/1.1 200");
        expect(rest.endsWith("\r\n\r\n/2")).toBe(true);
        const [other, server] = memoryPair();
        g.spawn(serveStream(server, handler, { halfClose: true }));
        yield* other.write("GET /lost HTTP/1.1\r\nHost: a\r\n\r\n");
        yield* sleep(10);
        yield* other.end();
        yield* sleep(10);
        expect(cancelled).toBe(0);
        other.abort();
        yield* sleep(1);
        expect(cancelled).toBe(1);
      },
      { halfClose: true },
    );
  });

  test("with its request still gets an answer that nobody had to wait for", () =>
    serving(
      function* (request) {
        if (request.path === "/slow") yield* sleep(1);
        return text(request.path);
      },
      function* (client) {
        yield* client.send(
          "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        yield* client.stream.end();
        expect(yield* client.answer()).toBe("200 OK|/1");
        expect(yield* client.answer()).toBe("200 OK|/2");
        let error: unknown;
        try {
          yield* client.answer();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("reset");
      },
    ));

  test("while a flow is being sent closes the flow, and its cleanup runs", () => {
    let closed = false;
    return serving(
      () =>
        stream(function* (emit) {
          try {
            for (;;) {
              yield* emit("tick\n");
              yield* sleep(10);
            }
          } finally {
            closed = true;
          }
        }),
      function* (client) {
        yield* client.send(GET);
        yield* client.stream.readUntil("tick\n\r\n");
        expect(closed).toBe(false);
        client.stream.abort();
        yield* sleep(1);
        expect(closed).toBe(true);
      },
    );
  });

  test("in the middle of a body that the handler reads cancels it", () => {
    let end = "";
    return serving(
      function* (request) {
        try {
          yield* request.text();
          end = "read";
        } catch (error) {
          end = `threw ${(error as Error).name}`;
          yield* sleep(0);
          end = "went on";
        } finally {
          if (end === "") end = "cancelled";
        }
        return text("never");
      },
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
        yield* sleep(1);
        yield* client.stream.end();
        yield* sleep(1);
        // What it was waiting for did come to an end, so that is what it hears; its next wait is its last.
        expect(end).toBe("threw TruncatedError");
      },
    );
  });
});

function usedResponse(): Response {
  const response = new Response("once");
  response.body?.getReader();
  return response;
}

describe("a handler that throws", () => {
  test("is answered with 500 and no details, and the connection goes on", () =>
    serving(
      () => {
        throw new Error("the secret");
      },
      function* (client, _g, host) {
        yield* client.send(GET);
        expect(yield* client.answer()).toBe("500 Internal Server Error|Internal Server Error\n");
        yield* client.send(GET);
        expect(yield* client.answer()).toContain("500");
        expect(host.reports.map((report) => report.message)).toEqual([
          "a handler has failed: GET /",
          "a handler has failed: GET /",
        ]);
        expect(String(host.reports[0]?.error)).toContain("the secret");
      },
    ));

  test("in development is answered with the error and its stack", () =>
    serving(
      function* () {
        yield* sleep(1);
        throw new Error("the details");
      },
      function* (client) {
        yield* client.send(GET);
        expect(yield* client.answer()).toMatch(/^500 [^|]*\|Error: the details\n\s+at /);
      },
      { development: true },
    ));

  test("an HttpError is answered with its status and message", () =>
    serving(
      () => {
        throw new HttpError(404, "there is no such page");
      },
      function* (client, _g, host) {
        yield* client.send(GET);
        expect(yield* client.answer()).toBe("404 Not Found|there is no such page\n");
        expect(host.reports).toEqual([]);
      },
    ));

  test("undefined, as some do, is a 500 like any other", () =>
    serving(
      () => {
        // oxlint-disable-next-line no-throw-literal
        throw undefined;
      },
      function* (client) {
        yield* client.send(GET);
        expect(yield* client.answer()).toBe("500 Internal Server Error|undefined\n");
      },
      { development: true },
    ));

  test("onError may answer in its place, and what it throws is a 500", () =>
    serving(
      () => {
        throw new Error("no");
      },
      function* (client) {
        yield* client.send("GET /mine HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(yield* client.answer()).toBe("418 I'm a Teapot|mine");
        yield* client.send("GET /worse HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(yield* client.answer()).toContain("500 Internal");
      },
      {
        onError(_error, request) {
          if (request.path === "/mine") return text("mine", { status: 418 });
          throw new Error("worse");
        },
      },
    ));

  test.each([
    ["a promise", async () => text("x"), "a promise"],
    ["nothing", () => undefined, "undefined"],
    ["a Response that was read", usedResponse, "was read already"],
  ])("one that gives %s fails, with a message that says so", (_, handler, message) =>
    serving(handler as never, function* (client, _g, host) {
      yield* client.send(GET);
      expect(yield* client.answer()).toContain("500");
      expect(String(host.reports[0]?.error)).toContain(message as string);
    }),
  );

  test("after the head the connection is reset, so that nobody takes half for whole", () =>
    serving(
      () =>
        stream(function* (emit) {
          yield* emit("half");
          throw new Error("broke off");
        }),
      function* (client, _g, host) {
        yield* client.send(GET);
        yield* client.stream.readUntil("half\r\n");
        let error: unknown;
        try {
          yield* client.rest();
        } catch (thrown) {
          error = thrown;
        }
        expect(String(error)).toContain("reset");
        expect(host.reports[0]?.message).toBe("an answer broke off: GET /");
      },
    ));
});

describe("giving the connection away", () => {
  test("the head, and then the stream with all that came early; the server's timeouts do not concern it", () =>
    serving(
      () =>
        HttpResponse.upgrade({ connection: "Upgrade", upgrade: "echo" }, function* (stream) {
          for (let data = yield* stream.read(); data !== undefined; data = yield* stream.read()) {
            yield* sleep(100_000);
            yield* stream.write(data);
          }
        }),
      function* (client) {
        yield* client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly");
        const head = yield* client.head();
        expect(head).toContain("\r\nconnection: Upgrade\r\nupgrade: echo\r\n");
        expect(head).not.toContain("Content-Length");
        expect(new TextDecoder().decode(yield* client.stream.readExactly(5))).toBe("early");
        yield* client.send("late");
        yield* client.stream.end();
        expect(yield* client.rest()).toBe("late");
      },
      { timeouts: { head: 100, idle: 100, write: 100, handler: 100 } },
    ));
});

describe("stopping", () => {
  test("who is between two requests is let go at once, a request that has begun is answered and told to close", () => {
    const host = new VirtualHost();
    return run(
      () =>
        group(function* (outer) {
          const pairs = [memoryPair(), memoryPair(), memoryPair()];
          const started = new Gate();
          const servers = outer.spawn(() =>
            group(function* (g) {
              for (const [, server] of pairs) {
                g.spawn(
                  serveStream(server, function* (request) {
                    if (request.path === "/slow") {
                      started.open();
                      yield* sleep(500);
                    }
                    return text(isStopping() ? "stopping" : "serving");
                  }),
                );
              }
              yield* started.wait();
              yield* sleep(10);
              g.stop({ within: 5000 });
            }),
          );
          const [[idle], [slow], [half]] = pairs as [
            [ByteStream, ByteStream],
            [ByteStream, ByteStream],
            [ByteStream, ByteStream],
          ];
          yield* idle.write(GET);
          yield* idle.readUntil("serving");
          yield* half.write("GET / HTTP/1.1\r\n");
          yield* slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n");
          expect(yield* idle.read()).toBeUndefined();
          expect(now()).toBe(10);
          yield* sleep(100);
          yield* half.write("Host: a\r\n\r\n");
          const answer = new TextDecoder().decode(yield* half.readUntil("stopping"));
          expect(answer).toContain("Connection: close\r\n");
          expect(now()).toBe(110);
          yield* half.close();
          const last = new TextDecoder().decode(yield* slow.readUntil("stopping"));
          expect(last).toContain("Connection: close\r\n");
          expect(now()).toBe(500);
          expect(yield* slow.read()).toBeUndefined();
          yield* slow.close();
          yield* idle.close();
          yield* servers;
          expect(now()).toBe(500);
        }),
      { host },
    );
  });

  test("who is stopped while an answer is on its way gets all of it, and is closed behind it", () =>
    serving(
      () => text("x".repeat(300_000)),
      function* (client, g) {
        const [one, server] = memoryPair();
        const serves = g.spawn(() =>
          group(function* (inner) {
            inner.spawn(serveStream(server, () => text("x".repeat(300_000))));
            yield* sleep(10);
            inner.stop();
          }),
        );
        yield* one.write(GET);
        yield* sleep(20);
        let size = 0;
        for (let part = yield* one.read(); part !== undefined; part = yield* one.read()) size += part.length;
        expect(size).toBeGreaterThan(300_000);
        yield* one.close();
        yield* serves;
        expect(now()).toBe(20);
        client.stream.abort();
      },
    ));

  test("what is left when the time is over is cancelled and reset", () => {
    const ends: string[] = [];
    return serving(
      function* () {
        yield* sleep(1);
        return text("");
      },
      function* (client, g) {
        const [one, server] = memoryPair();
        const outcome = g.spawn(() =>
          scope(() =>
            group(function* (inner) {
              inner.spawn(
                serveStream(server, function* () {
                  try {
                    yield* sleep(60_000);
                  } finally {
                    ends.push(`cancelled at ${now()}`);
                  }
                  return text("");
                }),
              );
              yield* sleep(10);
              inner.stop({ within: 1000 });
            }),
          ),
        );
        yield* one.write(GET);
        try {
          yield* one.read();
        } catch (error) {
          ends.push((error as Error).name);
        }
        yield* outcome.ended();
        expect(ends).toEqual(["cancelled at 1010", "BrokenError"]);
        client.stream.abort();
      },
    ).catch((error: unknown) => expect((error as Error).name).toBe("CancelledError"));
  });
});

describe("the log and the counters", () => {
  test("a line for each request, as pino writes it", () => {
    const lines: { req: object; res?: object; msg: string; responseTime: number; aborted?: string }[] = [];
    return serving(
      function* (request) {
        yield* sleep(request.path === "/left" ? 1000 : 20);
        return text("hello");
      },
      function* (client) {
        yield* client.send("GET /news?x HTTP/1.1\r\nHost: a\r\n\r\n");
        const answer = yield* client.head();
        yield* client.stream.readExactly(5);
        yield* client.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
        yield* sleep(10);
        client.stream.abort();
        yield* sleep(10);
        expect(lines).toEqual([
          {
            level: 30,
            time: 7,
            msg: "request completed",
            req: { method: "GET", url: "/news?x", remoteAddress: expect.any(String), remotePort: 0 },
            res: { statusCode: 200, bytes: answer.length + 5 },
            responseTime: 20,
          },
          {
            level: 30,
            time: 7,
            msg: "request aborted",
            req: { method: "GET", url: "/left", remoteAddress: expect.any(String), remotePort: 0 },
            responseTime: 10,
            aborted: "client left",
          },
        ]);
      },
      {
        log: jsonLog(
          (line) => lines.push(JSON.parse(line) as never),
          () => 7,
        ),
      },
    );
  });

  test("what fails goes to the log, and a log that fails ends nothing", () => {
    const told: unknown[] = [];
    return serving(
      () => {
        throw new Error("failed");
      },
      function* (client) {
        yield* client.send(GET);
        expect(yield* client.answer()).toContain("500");
        yield* client.send(GET);
        expect(yield* client.answer()).toContain("500");
        expect(told).toHaveLength(2);
      },
      {
        log: {
          info(entry: AccessEntry) {
            throw new Error(`no room for ${entry.req.url}`);
          },
          error(fields: object, message: string) {
            told.push([fields, message]);
            throw new Error("no room");
          },
        } as never,
      },
    );
  });
});
