// Our server behind the proxies that most servers stand behind: nginx and haproxy.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as nodeRequest } from "node:http";
import { join } from "node:path";

import {
  bytes,
  empty,
  type HttpRequest,
  type HttpResponse,
  type HttpServer,
  json,
  openClient,
  serve,
  type ServeOptions,
  serverEvents,
  sse,
  stream,
  text,
  upgrade,
} from "@rondo/http";
import {
  type Coroutine,
  defer,
  type Emit,
  Flow,
  Gate,
  group,
  type Group,
  type Operation,
  run,
  sleep,
  until,
} from "rondo";
import { describe, expect, test } from "vitest";
import { WebSocket as Ws } from "ws";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { exchange, haproxy, lacking, nginx, type Theirs } from "./web.ts";

/** A proxy with these servers behind it, which it asks for `/health` where it asks at all. At `/up` it says how many it uses. */
type Start = (servers: readonly string[]) => Coroutine<Theirs>;

const startNginx: Start = (servers) =>
  nginx(
    (path) => `
      map $http_upgrade $connection_up { default ""; websocket upgrade; }
      upstream ours { keepalive 8; ${servers.map((at) => `server ${at.startsWith("/") ? `unix:${at}` : at} max_fails=0;`).join(" ")} }
      server {
        listen ${path};
        client_max_body_size 50m;
        location = /up { return 200 ${servers.length}; }
        location / {
          proxy_pass http://ours; proxy_http_version 1.1;
          proxy_set_header Connection $connection_up; proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Host $host; proxy_set_header X-Forwarded-For proxied;
          proxy_buffering off; proxy_request_buffering off;
          proxy_next_upstream error timeout; proxy_connect_timeout 2s;
        }
      }`,
  );

const startHaproxy: Start = (servers) =>
  haproxy(
    (path) => `
frontend front
  bind ${path}
  option forwardfor
  http-request set-header X-Forwarded-For proxied
  http-request return status 200 content-type text/plain lf-string %[nbsrv(ours)] if { path /up }
  default_backend ours
backend ours
  http-reuse always
  retries 3
  retry-on conn-failure empty-response
  option redispatch 1
  option httpchk
  http-check send meth GET uri /health ver HTTP/1.1 hdr Host check
  http-check expect status 200
  default-server check inter 100ms fall 3 rise 1
${servers.map((at, i) => `  server s${i} ${at.startsWith("/") ? `unix@${at}` : at}`).join("\n")}`,
  );

const handlers: Record<string, (request: HttpRequest) => Operation<HttpResponse> | HttpResponse> = {
  "/health": () => text("ok"),
  "/length": () => text("hello"),
  "/chunks": () => stream(Flow.from(["one ", "two ", "three"])),
  "/trailers": () => stream(Flow.from(["body"]), { trailers: () => ({ "x-sum": "42" }) }),
  "/none": () => empty(),
  "/unchanged": () => empty({ status: 304, headers: { etag: '"1"' } }),
  "/fields": () => text("", { headers: { "x-long": "y".repeat(2000), "x-empty": "" } }),
  "/error": () => {
    throw new Error("on purpose");
  },
  *"/echo"(request) {
    return bytes(yield* request.bytes({ max: 50e6 }));
  },
  "/back": (request) => stream(request.body),
  "/who": (request) => json({ forwarded: request.headers.get("x-forwarded-for"), host: request.headers.get("host") }),
};
const standard = (request: HttpRequest): Operation<HttpResponse> | HttpResponse =>
  (handlers[request.path] ?? ((other: HttpRequest) => text(other.path)))(request);

/** What our server would say to a log as an error. */
const quiet = { info: () => {}, error: () => {} };

/** Runs `body` with a proxy in front of a server of ours. */
function behind(
  start: Start,
  handler: ServeOptions["handler"],
  body: (proxy: Theirs, server: HttpServer, g: Group) => Coroutine<void>,
): Promise<void> {
  return leavesNothing(() =>
    run(() =>
      group(function* (g) {
        const server = yield* serve({ host: "127.0.0.1", port: 0, handler, log: quiet });
        yield* group(function* (inner) {
          const proxy = yield* start([`127.0.0.1:${server.address.port}`]);
          yield* body(proxy, server, inner);
        });
        // What the proxy has kept is closed with it; nothing of ours hangs on it.
        server.stop({ within: 2000 });
        yield* server.ended();
        expect(g.size).toBe(0);
      }),
    ),
  );
}

/** Until the answers under way are as many. */
function* inFlight(server: HttpServer, count: number): Coroutine<void> {
  while (server.metrics().inFlight !== count) yield* sleep(1);
}

for (const [program, start] of [
  ["nginx", startNginx],
  ["haproxy", startHaproxy],
] as const) {
  const missing = lacking(program);
  if (missing !== undefined) {
    test(`behind ${program}`, ({ skip }) => skip(missing));
    continue;
  }

  describe(`behind ${program}`, { timeout: 30_000 }, () => {
    test("all kinds of answers come through as they were meant", () =>
      behind(start, standard, function* (proxy) {
        const client = openClient({ baseUrl: "http://site", unix: proxy.path });
        const ask = function* (path: string, method = "GET"): Coroutine<[number, string]> {
          const response = yield* client.fetch(path, { method });
          return [response.status, yield* response.text()];
        };
        for (let round = 0; round < 2; round++) {
          expect(yield* ask("/length")).toEqual([200, "hello"]);
          expect(yield* ask("/length", "HEAD")).toEqual([200, ""]);
          expect(yield* ask("/chunks")).toEqual([200, "one two three"]);
          expect(yield* ask("/chunks", "HEAD")).toEqual([200, ""]);
          expect(yield* ask("/trailers")).toEqual([200, "body"]);
          expect(yield* ask("/none")).toEqual([204, ""]);
          expect(yield* ask("/unchanged")).toEqual([304, ""]);
          expect(yield* ask("/fields")).toEqual([200, ""]);
          expect(yield* ask("/error")).toEqual([500, "Internal Server Error\n"]);
          expect(yield* ask("/length", "POST")).toEqual([200, "hello"]);
          expect(yield* ask("/length", "DELETE")).toEqual([200, "hello"]);
          expect(JSON.parse((yield* ask("/who"))[1])).toEqual({ forwarded: "proxied", host: "site" });
        }
        expect(proxy.said()).not.toMatch(/upstream sent|SH--|PH--/);
      }));

    test("bodies of any size, known or in chunks, both ways", () =>
      behind(start, standard, function* (proxy) {
        const client = openClient({ baseUrl: "http://site", unix: proxy.path });
        for (const size of [0, 1, 1000, 16_384, 100_000, 5_000_001]) {
          const body = randomBytes(size);
          const pieces = (): Flow<Uint8Array> =>
            Flow.from(
              (function* (): Generator<Uint8Array, void> {
                for (let at = 0; at < size; at += 7001) yield body.subarray(at, at + 7001);
              })(),
            );
          for (const sent of [body, pieces()])
            // Larger bodies are answered when they are there: a proxy need not read both sides at once.
            for (const path of size > 16_384 ? ["/echo"] : ["/echo", "/back"]) {
              const again = sent === body ? body : pieces();
              const response = yield* client.fetch(path, { method: "POST", body: again });
              const got = yield* response.bytes();
              expect([path, size, got.length, Buffer.compare(got, body)]).toEqual([path, size, size, 0]);
            }
        }
      }));

    test("it keeps a connection to us for many requests", () =>
      behind(start, standard, function* (proxy, server) {
        const client = openClient({ baseUrl: "http://site", unix: proxy.path });
        for (let i = 0; i < 30; i++) expect(yield* (yield* client.fetch(`/${i}`)).text()).toBe(`/${i}`);
        const { accepted, requests } = server.metrics();
        expect(requests).toBeGreaterThanOrEqual(30);
        // Each of its checks is a connection too.
        expect(accepted - (requests - 30)).toBeLessThanOrEqual(2);
      }));

    test("requests in one piece are answered in order", () =>
      behind(start, standard, function* (proxy) {
        const paths = Array.from({ length: 20 }, (_, i) => `/n${i}`);
        const requests = paths.map(
          (path, i) => `GET ${path} HTTP/1.1\r\nHost: site\r\n${i === 19 ? "Connection: close\r\n" : ""}\r\n`,
        );
        const all = yield* exchange(proxy.path, requests.join(""));
        expect(all.match(/\r\n\r\n\/n\d+/g)?.map((one) => one.trim())).toEqual(paths);
      }));

    // nginx sees that the client has left; haproxy looks only when the time of the server is over, and then leaves as well.
    test("a client that leaves cancels our handler", () => {
      const left = new Gate();
      function* handler(): Coroutine<HttpResponse> {
        defer(() => left.open());
        yield* sleep(1e6);
        return text("never");
      }
      return behind(
        start,
        (request) => (request.path === "/slow" ? handler() : standard(request)),
        function* (proxy, server) {
          const asked = nodeRequest({ socketPath: proxy.path, path: "/slow" });
          asked.on("error", () => {});
          asked.end();
          yield* inFlight(server, 1);
          asked.destroy();
          yield* left.wait();
          yield* inFlight(server, 0);
          const client = openClient({ baseUrl: "http://site", unix: proxy.path });
          expect(yield* (yield* client.fetch("/after")).text()).toBe("/after");
        },
      );
    });

    test("a client that leaves an answer ends the flow that makes it", () => {
      const over = new Gate();
      const endless = (): HttpResponse =>
        stream(
          Flow.from(function* (emit: Emit<Uint8Array>): Coroutine<void> {
            try {
              for (;;) yield* emit(new Uint8Array(10_000));
            } finally {
              over.open();
            }
          }),
        );
      return behind(
        start,
        (request) => (request.path === "/endless" ? endless() : standard(request)),
        function* (proxy, server) {
          const client = openClient({ baseUrl: "http://site", unix: proxy.path });
          const response = yield* client.fetch("/endless");
          yield* response.body.next();
          response.close();
          yield* over.wait();
          yield* inFlight(server, 0);
        },
      );
    });

    test("an answer that breaks off is not taken for whole", () => {
      const breaking = (): HttpResponse =>
        stream(
          Flow.from(function* (emit: Emit<string>): Coroutine<void> {
            yield* emit("some");
            throw new Error("on purpose");
          }),
        );
      return behind(
        start,
        (request) => (request.path === "/breaks" ? breaking() : standard(request)),
        function* (proxy) {
          const client = openClient({ baseUrl: "http://site", unix: proxy.path });
          let outcome = "whole";
          try {
            const response = yield* client.fetch("/breaks");
            // Where the proxy has seen the break before it has sent anything, it says so itself.
            if (response.status === 502) outcome = "broken";
            else yield* response.bytes();
          } catch {
            outcome = "broken";
          }
          expect(outcome).toBe("broken");
        },
      );
    });

    test("events come as they happen", () => {
      const heard = new Gate();
      const events = (): HttpResponse =>
        sse(
          Flow.from(function* (emit: Emit<string>): Coroutine<void> {
            yield* emit("first");
            yield* heard.wait();
            yield* emit("second");
          }),
        );
      return behind(
        start,
        (request) => (request.path === "/events" ? events() : standard(request)),
        function* (proxy) {
          const client = openClient({ baseUrl: "http://site", unix: proxy.path });
          const flow = serverEvents((yield* client.fetch("/events")).body);
          expect((yield* flow.next())?.data).toBe("first");
          heard.open();
          expect((yield* flow.next())?.data).toBe("second");
          expect(yield* flow.next()).toBeUndefined();
        },
      );
    });

    test("WebSockets: text, bytes, compressed and long, and the end from either side", () => {
      const handler = (request: HttpRequest): HttpResponse | Operation<HttpResponse> =>
        request.headers.has("upgrade")
          ? upgrade(
              request,
              function* (socket): Coroutine<void> {
                for (;;) {
                  const message = yield* socket.receive();
                  if (message === undefined) return;
                  if (message === "bye") yield* socket.close(4001, "as you wish");
                  else yield* socket.send(message);
                }
              },
              { deflate: true },
            )
          : standard(request);
      return behind(start, handler, function* (proxy) {
        yield* until(
          (async () => {
            for (const perMessageDeflate of [false, true]) {
              const socket = new Ws(`ws+unix:${proxy.path}:/socket`, { perMessageDeflate });
              await once(socket, "open");
              expect(socket.extensions.startsWith("permessage-deflate")).toBe(perMessageDeflate);
              for (const message of ["hello", "ü".repeat(50_000), ""]) {
                socket.send(message);
                const [back] = (await once(socket, "message")) as [Buffer];
                expect(back.toString() === message).toBe(true);
              }
              const long = randomBytes(300_000);
              socket.send(long);
              const [back] = (await once(socket, "message")) as [Buffer];
              expect(back.equals(long)).toBe(true);
              const closed = once(socket, "close");
              if (perMessageDeflate) socket.send("bye");
              else socket.close(4002, "enough");
              expect((await closed)[0]).toBe(perMessageDeflate ? 4001 : 4002);
            }
          })(),
        );
      });
    });

    test("two servers are replaced one after the other under load, and no request is lost", () =>
      leavesNothing(() =>
        run(() =>
          group(function* () {
            // Paths, so that the next server can stand where the last one stood.
            const { folder } = yield* nginx((path) => `server { listen ${path}; }`);
            const places = ["a", "b"].map((name) => join(folder, `${name}.ours`));
            const served = [0, 0];
            const begin = (which: number): Coroutine<HttpServer> =>
              serve({
                unix: places[which]!,
                log: quiet,
                *handler(request) {
                  if (request.path !== "/health") {
                    yield* sleep(Math.random() * 3);
                    served[which]!++;
                  }
                  return text(request.path);
                },
              });
            /** Until one of the servers has answered so many more. */
            const more = function* (which: number, count: number): Coroutine<void> {
              const before = served[which]!;
              while (served[which]! < before + count) yield* sleep(1);
            };
            const servers = [yield* begin(0), yield* begin(1)];
            yield* group(function* (inner) {
              const proxy = yield* start(places);
              const client = openClient({ baseUrl: "http://site", unix: proxy.path });
              let over = false;
              const asking = Array.from({ length: 6 }, (_, who) =>
                inner.spawn(function* () {
                  let count = 0;
                  for (; !over; count++) {
                    const response = yield* client.fetch(`/${who}-${count}`);
                    expect([response.status, yield* response.text()]).toEqual([200, `/${who}-${count}`]);
                  }
                  return count;
                }),
              );
              for (let round = 0; round < 4; round++) {
                const which = round % 2;
                // Both are at work, and the proxy knows it.
                yield* more(which, 30);
                yield* more(1 - which, 30);
                while ((yield* (yield* client.fetch("/up")).text()) !== "2") yield* sleep(10);
                servers[which]!.stop({ within: 5000 });
                yield* servers[which]!.ended();
                yield* more(1 - which, 30);
                servers[which] = yield* begin(which);
              }
              over = true;
              let asked = 0;
              for (const task of asking) asked += yield* task;
              expect(asked).toBe(served[0]! + served[1]!);
              for (const server of servers) server.stop({ within: 2000 });
            });
          }),
        ),
      ));
  });
}
