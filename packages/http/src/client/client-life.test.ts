/** The client against servers in simulated worlds: what becomes of connections, how long it waits, when it tries again. */
import { type Coroutine, group, moveOnAfter, now, sleep, TimeoutError } from "rondo";
import { ConnectError } from "rondo/net";
import { describe, expect, test } from "vitest";
import { type Echo, echo, fetching, inWorld, rawServer, thrown, webServer } from "../../tests/fetching.ts";
import { fetch, type HttpRequest, type HttpResponse, openClient, redirect, stream, text } from "../index.ts";

describe("connections", () => {
  test("are shared by requests one after the other, and not by those at once", () => {
    fetching(
      function* () {
        yield* sleep(10);
        return text("ok");
      },
      function* (client, world) {
        for (let i = 0; i < 5; i++) yield* (yield* client.fetch("/")).text();
        expect(world.network.statistics().connections).toBe(1);
        yield* group(function* (g) {
          for (let i = 0; i < 10; i++)
            g.spawn(function* () {
              yield* (yield* client.fetch("/")).text();
            });
        });
        expect(world.network.statistics().connections).toBe(4);
      },
      { maxPerHost: 4 },
    );
  });

  test("say when they stood, and whether they had been used before", () => {
    fetching(
      function* () {
        yield* sleep(500);
        return text("ok");
      },
      function* (client, world) {
        world.network.link("server", "world").set({ latency: 100 });
        const begun = now();
        const first = yield* client.fetch("/");
        expect(first.timing.reused).toBe(false);
        // A handshake is there and back again; the answer takes as long once more, and half a second.
        expect(Math.round(first.timing.connected - begun)).toBe(200);
        expect(Math.round(now() - begun)).toBe(900);
        yield* first.text();
        const again = now();
        const second = yield* client.fetch("/");
        expect(second.timing).toEqual({ connected: again, reused: true });
      },
    );
  });

  test("that nobody uses are closed after a while, and the pool with them", () => {
    fetching(
      () => text("ok"),
      function* (client) {
        yield* (yield* client.fetch("/")).text();
        yield* sleep(1000);
        expect(client.statistics()["http://server"]).toMatchObject({ idle: 1 });
        yield* sleep(20_000);
        expect(client.statistics()["http://server"]).toMatchObject({ idle: 0 });
        yield* sleep(120_000);
        expect(client.statistics()).toEqual({});
        expect(yield* (yield* client.fetch("/")).text()).toBe("ok");
      },
    );
  });

  test("that the server has closed meanwhile are not used", () => {
    fetching(
      () => text("ok"),
      function* (client, world) {
        for (let i = 0; i < 3; i++) {
          yield* (yield* client.fetch("/", { method: "POST" })).text();
          yield* sleep(5000);
        }
        expect(world.network.statistics().connections).toBe(3);
      },
      { serve: { timeouts: { idle: 1000 } } },
    );
  });

  test("that die as they are used again are replaced once, where nothing can have been done twice", () => {
    inWorld(function* (world) {
      const heads: string[] = [];
      rawServer(world, "server", function* (stream, head, count) {
        heads.push(head.slice(0, head.indexOf(" ")));
        if (count % 2 === 0) stream.abort();
        else yield* stream.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
      const client = openClient({ proxy: null });
      for (let i = 0; i < 2; i++) expect(yield* (yield* client.fetch("http://server/")).text()).toBe("ok");
      expect(heads).toEqual(["GET", "GET", "GET"]);
      const error = yield* thrown(client.fetch("http://server/", { method: "POST", body: "x" }));
      expect(String(error)).toMatch(/reset|closed/);
    });
  });

  test("that are new and die are an error, not a reason to try again", () => {
    inWorld(function* (world) {
      let asked = 0;
      rawServer(world, "server", function* (stream) {
        asked++;
        stream.abort();
      });
      const client = openClient({ proxy: null });
      expect(yield* thrown(client.fetch("http://server/"))).toBeInstanceOf(Error);
      expect(asked).toBe(1);
    });
  });

  test("of a request that is cancelled are closed, and never hand their answer to another request", () => {
    fetching(
      function* (request) {
        if (request.path === "/slow") yield* sleep(1000);
        return text(request.path);
      },
      function* (client) {
        yield* (yield* client.fetch("/first")).text();
        expect((yield* moveOnAfter(100, client.fetch("/slow"))).timedOut).toBe(true);
        for (let i = 0; i < 3; i++) {
          expect(yield* (yield* client.fetch("/next")).text()).toBe("/next");
          yield* sleep(500);
        }
      },
      { maxPerHost: 1 },
    );
  });

  test("on which the server says more than was asked for are not used again", () => {
    inWorld(function* (world) {
      let connections = 0;
      rawServer(world, "server", function* (stream, _head, count) {
        connections = count;
        yield* stream.write(
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        );
      });
      const client = openClient({ proxy: null });
      for (let i = 0; i < 3; i++) {
        expect(yield* (yield* client.fetch("http://server/")).text()).toBe("ok");
        yield* sleep(100);
      }
      expect(connections).toBe(3);
      expect(world.network.statistics().connections).toBe(3);
    });
  });

  test("on which the server says something while nobody asks are not used again either", () => {
    inWorld(function* (world) {
      rawServer(world, "server", function* (stream) {
        yield* stream.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        yield* sleep(50);
        yield* stream.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
      });
      const client = openClient({ proxy: null });
      for (let i = 0; i < 3; i++) {
        expect(yield* (yield* client.fetch("http://server/")).text()).toBe("ok");
        yield* sleep(200);
      }
      expect(world.network.statistics().connections).toBe(3);
    });
  });

  test("of the client are closed when its scope ends, and nobody gets one any more", () => {
    fetching(
      () => text("ok"),
      function* (_client) {
        let inner: ReturnType<typeof openClient> | undefined;
        yield* group(function* () {
          inner = openClient({ proxy: null });
          yield* (yield* inner.fetch("http://server/")).text();
        });
        expect(String(yield* thrown((inner as ReturnType<typeof openClient>).fetch("http://server/")))).toContain(
          "closed",
        );
      },
    );
  });

  test("fetch by itself has one for each request", () => {
    fetching(echo, function* (_client, world) {
      for (let i = 0; i < 2; i++) {
        const answer = (yield* (yield* fetch("http://server/x", { json: 1 })).json()) as Echo;
        expect(answer.headers["connection"]).toBe("close");
      }
      expect(world.network.statistics().connections).toBe(2);
    });
  });
});

describe("time", () => {
  test("until the head of an answer is bounded, redirects and connecting with it", () => {
    fetching(
      function* (request) {
        yield* sleep(600);
        return request.path === "/" ? redirect("/next") : text("ok");
      },
      function* (client) {
        const error = yield* thrown(client.fetch("/", { timeout: 1000 }));
        expect(error).toBeInstanceOf(TimeoutError);
        expect(now()).toBeCloseTo(1000, 0);
        expect(yield* (yield* client.fetch("/", { timeout: 2000 })).text()).toBe("ok");
      },
    );
  });

  test("of silence in the middle of a body is bounded, and the whole of a slow body is not", () => {
    fetching(
      (request) =>
        stream(function* (emit) {
          for (let i = 0; i < 5; i++) {
            yield* sleep(request.path === "/dead" && i === 2 ? 1e7 : 900);
            yield* emit("x");
          }
        }),
      function* (client) {
        expect(yield* (yield* client.fetch("/")).text()).toBe("xxxxx");
        const dead = yield* client.fetch("/dead");
        expect(yield* thrown(dead.text())).toBeInstanceOf(TimeoutError);
        expect(client.statistics()["http://server"]).toMatchObject({ lent: 0 });
      },
      { idleTimeout: 1000 },
    );
  });

  test("to connect is bounded, and nobody there is said", () => {
    inWorld(function* (world) {
      webServer(world, "server", echo);
      const client = openClient({ proxy: null, connectTimeout: 3000 });
      expect(yield* thrown(client.fetch("http://10.9.9.9/"))).toBeInstanceOf(Error);
      expect(yield* thrown(client.fetch("http://server:81/"))).toBeInstanceOf(ConnectError);
      expect(yield* thrown(client.fetch("http://nobody/"))).toBeInstanceOf(ConnectError);
    });
  });
});

describe("another try", () => {
  test("follows a status that is worth it, after as long as the server says", () => {
    const times: number[] = [];
    fetching(
      () => {
        times.push(Math.round(now() / 1000));
        return times.length < 3 ? text("busy", { status: 503, headers: { "retry-after": "10" } }) : text("ok");
      },
      function* (client) {
        expect(yield* (yield* client.fetch("/", { retry: { attempts: 5, backoff: 1 } })).text()).toBe("ok");
        expect(times).toEqual([0, 10, 20]);
      },
    );
  });

  test("is not made for what may have been done, for other statuses, nor for longer than anybody waits", () => {
    let asked = 0;
    fetching(
      (request) => {
        asked++;
        return text("busy", {
          status: request.path === "/404" ? 404 : 503,
          headers: { "retry-after": request.path === "/long" ? "3600" : "1" },
        });
      },
      function* (client) {
        const retry = { attempts: 3, backoff: 1 };
        expect((yield* client.fetch("/", { method: "POST", retry })).status).toBe(503);
        expect((yield* client.fetch("/404", { retry })).status).toBe(404);
        expect((yield* client.fetch("/long", { retry })).status).toBe(503);
        expect(asked).toBe(3);
        expect((yield* client.fetch("/", { retry })).status).toBe(503);
        expect(asked).toBe(6);
        expect((yield* client.fetch("/", { method: "POST", retry: { ...retry, unsafe: true } })).status).toBe(503);
        expect(asked).toBe(9);
      },
    );
  });

  test("follows a connection that breaks or is refused", () => {
    inWorld(function* (world) {
      rawServer(world, "server", function* (stream, _head, count) {
        if (count < 3) stream.abort();
        else yield* stream.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
      const client = openClient({ proxy: null });
      const response = yield* client.fetch("http://server/", { retry: { attempts: 3, backoff: 10 } });
      expect(yield* response.text()).toBe("ok");
    });
  });
});

describe("cookies", () => {
  test("are kept and sent back where they belong, and nowhere else", () => {
    inWorld(function* (world) {
      const handler = (request: HttpRequest): HttpResponse | Coroutine<HttpResponse> =>
        request.path === "/set"
          ? text("", {
              headers: [
                ["set-cookie", "a=1; Path=/"],
                ["set-cookie", "b=2; Path=/deep"],
                ["set-cookie", "c=3; Domain=elsewhere.example"],
                ["set-cookie", "=;;nonsense"],
              ],
            })
          : echo(request);
      webServer(world, "one.example", handler);
      webServer(world, "two.example", handler);
      const client = openClient({ cookies: true, proxy: null });
      const sent = function* (url: string): Coroutine<string | undefined> {
        return ((yield* (yield* client.fetch(url)).json()) as Echo).headers["cookie"];
      };
      yield* client.fetch("http://one.example/set");
      expect(yield* sent("http://one.example/")).toBe("a=1");
      expect(yield* sent("http://one.example/deep/er")).toBe("b=2; a=1");
      expect(yield* sent("http://two.example/")).toBeUndefined();
    });
  });
});
