/** Handlers in the style of fetch, and Hono above all: its router, middleware, cookies, streams, and what its signal tells. */
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { HTTPException } from "hono/http-exception";
import { etag } from "hono/etag";
import { streamSSE, streamText } from "hono/streaming";
import { describe, expect, test } from "vitest";
import { group, run, sleep, until } from "rondo";
import { GET, LAST, serving } from "../tests/serving.ts";
import { mount, type MountContext, serve } from "./index.ts";

const decoder = new TextDecoder();

function app(): Hono<{ Bindings: MountContext }> {
  const hono = new Hono<{ Bindings: MountContext }>();
  hono.use(async (c, next) => {
    await next();
    c.header("x-middleware", "was here");
  });
  hono.get("/", (c) => c.text("root"));
  hono.get("/users/:id{[0-9]+}", (c) => c.json({ id: c.req.param("id"), q: c.req.query("q") ?? null }));
  hono.post("/users", async (c) => c.json({ got: await c.req.json<unknown>() }, 201));
  hono.post("/form", async (c) => c.json(await c.req.parseBody()));
  hono.post("/echo", (c) => new Response(c.req.raw.body));
  hono.get("/cookies", (c) => {
    setCookie(c, "seen", "yes", { httpOnly: true });
    setCookie(c, "count", String(Number(getCookie(c, "count") ?? 0) + 1));
    return c.text(getCookie(c, "seen") ?? "no");
  });
  hono.get("/tagged", etag(), (c) => c.text("tagged"));
  hono.get("/peer", (c) => c.text(c.env.request.remote?.family ?? "nobody"));
  hono.get("/refused", () => {
    throw new HTTPException(403, { message: "not you" });
  });
  hono.get("/stream", (c) =>
    streamText(c, async (stream) => {
      for (const word of ["one", "two", "three"]) await stream.write(`${word} `);
    }),
  );
  hono.get("/events", (c) =>
    streamSSE(c, async (stream) => {
      for (let i = 0; i < 3; i++) await stream.writeSSE({ data: String(i), id: String(i) });
    }),
  );
  return hono;
}

describe("Hono", () => {
  const handler = mount(app());

  test("routes, with parameters and queries, and answers with the length of what it gives", () =>
    serving(handler, function* (client) {
      yield* client.send("GET /users/42?q=x%20y HTTP/1.1\r\nHost: a\r\n\r\n");
      const head = yield* client.head();
      expect(head).toContain("x-middleware: was here\r\n");
      expect(head).toContain("content-type: application/json\r\n");
      expect(head).toContain("Content-Length: 21\r\n");
      expect(decoder.decode(yield* client.stream.readExactly(21))).toBe('{"id":"42","q":"x y"}');
      yield* client.send("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
      expect(yield* client.answer()).toBe("404 Not Found|404 Not Found");
      yield* client.send("GET /refused HTTP/1.1\r\nHost: a\r\n\r\n");
      expect(yield* client.answer()).toBe("403 Forbidden|not you");
      yield* client.send("GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
      expect(yield* client.answer()).toBe("200 OK|memory");
    }));

  test("reads bodies: JSON, forms, in chunks, and sends one back as it comes", () =>
    serving(handler, function* (client) {
      yield* client.send(
        'POST /users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
      );
      expect(yield* client.answer()).toBe('201 Created|{"got":{"a":1}}');
      yield* client.send(
        "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n4\r\n&b=2\r\n0\r\n\r\n",
      );
      expect(yield* client.answer()).toBe('200 OK|{"a":"1","b":"2"}');
      yield* client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
      expect(yield* client.head()).toContain("Transfer-Encoding: chunked\r\n");
      expect(decoder.decode(yield* client.stream.readExactly(8))).toBe("3\r\nabc\r\n");
      yield* client.send("2\r\nde\r\n0\r\n\r\n");
      expect(decoder.decode(yield* client.stream.readUntil("0\r\n\r\n"))).toBe("2\r\nde\r\n0\r\n\r\n");
      yield* client.send(GET);
      expect(yield* client.answer()).toBe("200 OK|root");
    }));

  test("a body that nobody read is read over", () =>
    serving(handler, function* (client) {
      yield* client.send(`POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde${GET}`);
      expect(yield* client.answer()).toBe("404 Not Found|404 Not Found");
      expect(yield* client.answer()).toBe("200 OK|root");
    }));

  test("each cookie has a line of its own, and comes back", () =>
    serving(handler, function* (client) {
      yield* client.send("GET /cookies HTTP/1.1\r\nHost: a\r\nCookie: seen=before; count=41\r\n\r\n");
      const head = yield* client.head();
      expect(head.match(/set-cookie: .*/g)).toEqual([
        "set-cookie: seen=yes; Path=/; HttpOnly",
        "set-cookie: count=42; Path=/",
      ]);
      expect(decoder.decode(yield* client.stream.readExactly(6))).toBe("before");
    }));

  test("conditional requests are answered with 304 and no body", () =>
    serving(handler, function* (client) {
      yield* client.send("GET /tagged HTTP/1.1\r\nHost: a\r\n\r\n");
      const head = yield* client.head();
      const tag = /etag: (.*)\r\n/.exec(head)?.[1];
      yield* client.stream.readExactly(6);
      yield* client.send(`GET /tagged HTTP/1.1\r\nHost: a\r\nIf-None-Match: ${tag}\r\n\r\n`);
      expect(yield* client.head()).toContain("304 Not Modified");
      yield* client.send(GET);
      expect(yield* client.answer()).toBe("200 OK|root");
    }));

  test("streams text and events", () =>
    serving(handler, function* (client) {
      yield* client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
      expect(decoder.decode(yield* client.stream.readUntil("three "))).toMatch(/one [^]*two [^]*three /);
      yield* client.send("GET /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      const rest = yield* client.rest();
      expect(rest).toContain("content-type: text/event-stream\r\n");
      expect(rest).toMatch(/data: 0\n[^]*data: 1\n[^]*data: 2\n/);
    }));

  test("HEAD is answered without the body", () =>
    serving(handler, function* (client) {
      yield* client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${LAST}`);
      expect(yield* client.head()).toContain("200 OK");
      expect((yield* client.rest()).endsWith("\r\n\r\nroot")).toBe(true);
    }));

  test("through a real socket, with Node's fetch", () =>
    run(() =>
      group(function* () {
        const server = yield* serve({ host: "127.0.0.1", port: 0, handler });
        const answer = yield* until(
          fetch(`${server.url}/users`, { method: "POST", body: JSON.stringify({ x: "y".repeat(100_000) }) }).then(
            (response) => response.json() as Promise<{ got: { x: string } }>,
          ),
        );
        expect(answer.got.x).toHaveLength(100_000);
        server.stop();
      }),
    ));
});

describe("a mounted handler", () => {
  test("learns from its signal that the client has left, and is not waited for", () => {
    const told: string[] = [];
    return serving(
      mount(async (request) => {
        await new Promise((resolve) => {
          request.signal.addEventListener("abort", resolve, { once: true });
        });
        told.push((request.signal.reason as Error).message);
        return new Response("never");
      }),
      function* (client) {
        yield* client.send(GET);
        yield* sleep(10);
        client.stream.abort();
        yield* sleep(10);
        // What it does then is of the world of promises, in which no virtual time passes.
        yield* until(new Promise((resolve) => setImmediate(resolve)));
        expect(told).toEqual([expect.stringMatching(/client left$/)]);
      },
    );
  });

  test("a stream of its own is cancelled when the client leaves, so that it can stop", () => {
    let cancelled = false;
    return serving(
      mount(
        () =>
          new Response(
            new ReadableStream<Uint8Array>({
              start(controller) {
                controller.enqueue(new TextEncoder().encode("first"));
              },
              cancel() {
                cancelled = true;
              },
            }),
          ),
      ),
      function* (client) {
        yield* client.send(GET);
        yield* client.stream.readUntil("first\r\n");
        expect(cancelled).toBe(false);
        client.stream.abort();
        yield* sleep(1);
        expect(cancelled).toBe(true);
      },
    );
  });

  test("a stream is cancelled too when the client leaves before anything was asked of it but a first look", () => {
    let cancelled = false;
    return serving(
      mount(() => new Response(new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) }))),
      function* (client) {
        yield* client.send(GET);
        client.stream.abort();
        yield* sleep(10);
        yield* until(new Promise((resolve) => setImmediate(resolve)));
        expect(cancelled).toBe(true);
      },
    );
  });

  test("a stream that is not wanted, because it was HEAD, is cancelled too", () => {
    let cancelled = false;
    return serving(
      mount(() => new Response(new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) }))),
      function* (client) {
        yield* client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n`);
        expect(yield* client.head()).toContain("200 OK");
        expect(cancelled).toBe(true);
      },
    );
  });

  test("one whose stream fails resets the connection", () =>
    serving(
      mount(
        () =>
          new Response(
            new ReadableStream<Uint8Array>({
              pull(controller) {
                controller.error(new Error("broke off"));
              },
            }),
          ),
      ),
      function* (client, _g, host) {
        yield* client.send(GET);
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

  test.each([
    ["throws", () => Promise.reject(new Error("no"))],
    ["gives no Response", () => Promise.resolve("text" as unknown as Response)],
  ])("one that %s is a 500", (_, handler) =>
    serving(mount(handler), function* (client) {
      yield* client.send(GET);
      expect(yield* client.answer()).toContain("500 Internal");
    }),
  );

  test("one that answers while it still reads ends the connection after its answer", () =>
    serving(
      mount((request) => {
        request.body?.getReader().read().catch(String);
        return new Response("early");
      }),
      function* (client) {
        yield* client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
        expect((yield* client.rest()).endsWith("early")).toBe(true);
      },
    ));

  test("what is no method of fetch is refused", () =>
    serving(
      mount(() => new Response("never")),
      function* (client) {
        yield* client.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(yield* client.answer()).toContain("501 Not Implemented");
      },
    ));

  test("mount() says what it takes", () => {
    expect(() => mount({} as never)).toThrow("mount() takes a function");
  });
});
