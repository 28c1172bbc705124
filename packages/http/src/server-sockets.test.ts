/** The server on real sockets: clients that others wrote, TLS, paths, limits, and stopping with requests under way. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { all, Gate, group, type Group, type Operation, run, sleep, until } from "rondo";
import { connect, connectTls } from "rondo/net";
import { certificates, noOpenssl } from "../../rondo/tests/certificates.ts";
import { leavesNothing } from "../../rondo/tests/leaks.ts";
import { type HttpServer, json, serve, type ServeOptions, stream, text } from "./index.ts";

function serving(
  options: Omit<ServeOptions, "port" | "host">,
  body: (server: HttpServer, g: Group) => Operation<unknown>,
): Promise<unknown> {
  return leavesNothing(() =>
    run(() =>
      group(function* (g) {
        const server = yield* serve({ host: "127.0.0.1", port: 0, ...options });
        yield* body(server, g);
        server.stop();
        yield* server.ended();
      }),
    ),
  );
}

const curlIsHere = (() => {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
if (!curlIsHere) console.log("the tests with curl are skipped: there is none");

const curl = (...args: string[]): Operation<string> =>
  until(
    new Promise<string>((resolve, reject) => {
      execFile("curl", ["-s", "--max-time", "20", ...args], (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    }),
  );

describe("clients that others wrote", () => {
  test("Node's fetch: bodies both ways, streamed and whole", () =>
    serving(
      {
        *handler(request) {
          if (request.method === "GET") return json({ path: request.path, agent: request.headers.has("user-agent") });
          if (request.path === "/back") return stream(request.body);
          return text(String((yield* request.bytes()).length));
        },
      },
      function* (server) {
        const { url } = server;
        const got = yield* until(fetch(`${url}/a?b=c`).then((response) => response.json()));
        expect(got).toEqual({ path: "/a", agent: true });
        const size = yield* until(
          fetch(url, { method: "POST", body: new Uint8Array(1_000_000) }).then((response) => response.text()),
        );
        expect(size).toBe("1000000");
        const pieces = ["one ", "two ", "three"];
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            const piece = pieces.shift();
            if (piece === undefined) controller.close();
            else controller.enqueue(new TextEncoder().encode(piece));
          },
        });
        const back = yield* until(
          fetch(`${url}/back`, { method: "POST", body, duplex: "half" } as RequestInit).then((response) =>
            response.text(),
          ),
        );
        expect(back).toBe("one two three");
        // It keeps its connections; they are closed when the server stops.
      },
    ));

  test("node:http with keep-alive uses one connection for many requests", () =>
    serving({ handler: (request) => text(request.path) }, function* (server) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 10; i++) {
        const answer = yield* until(
          new Promise<string>((resolve, reject) => {
            http
              .get(`${server.url}/${i}`, { agent }, (response) => {
                let all = "";
                response.setEncoding("utf8");
                response.on("data", (part: string) => (all += part));
                response.on("end", () => resolve(all));
              })
              .on("error", reject);
          }),
        );
        expect(answer).toBe(`/${i}`);
      }
      expect(server.metrics()).toMatchObject({
        accepted: 1,
        requests: 10,
        inFlight: 0,
        responses: [0, 0, 10, 0, 0, 0],
      });
      expect(server.metrics().latency.count).toBe(10);
      agent.destroy();
    }));

  test.skipIf(!curlIsHere)("curl: HEAD, Expect: 100-continue, chunked uploads, HTTP/1.0", () =>
    serving(
      {
        *handler(request) {
          return text(`${request.method} ${request.head.version} ${(yield* request.bytes({ max: 1e7 })).length}`);
        },
      },
      function* (server) {
        const { url } = server;
        expect(yield* curl(url)).toBe("GET 1.1 0");
        expect(yield* curl("-0", url)).toBe("GET 1.0 0");
        expect(yield* curl("-I", url)).toMatch(/^HTTP\/1.1 200 OK\r\n(.*\r\n)*Content-Length: 10\r\n/);
        const data = "x".repeat(100_000);
        expect(yield* curl("-H", "Expect: 100-continue", "-d", data, url)).toBe("POST 1.1 100000");
        expect(yield* curl("-H", "Transfer-Encoding: chunked", "-d", data, url)).toBe("POST 1.1 100000");
        expect(yield* curl(url, `${url}/2`, `${url}/3`)).toBe("GET 1.1 0".repeat(3));
      },
    ),
  );
});

describe("where a server listens", () => {
  test.skipIf(!curlIsHere)("at the path of a Unix socket", () => {
    const folder = mkdtempSync(join(tmpdir(), "rondo-http-"));
    const path = join(folder, "socket");
    return leavesNothing(() =>
      run(() =>
        group(function* () {
          const server = yield* serve({ unix: path, handler: () => text("by path") });
          expect(yield* curl("--unix-socket", path, "http://localhost/")).toBe("by path");
          expect(server.url).toBe("");
          server.stop();
          yield* server.ended();
        }),
      ),
    ).finally(() => rmSync(folder, { recursive: true }));
  });

  test.skipIf(noOpenssl !== undefined)("by TLS, where requests know that they came by it", () => {
    const { ca, server: credentials } = certificates();
    return serving(
      { tls: credentials, handler: (request) => text(`${request.url.protocol} ${request.secure}`) },
      function* (server) {
        expect(server.url).toMatch(/^https:/);
        const client = yield* connectTls({ host: "127.0.0.1", port: server.address.port, ca });
        yield* client.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        expect((yield* client.lines().toArray()).at(-1)).toBe("https: true");
        yield* client.close();
      },
    );
  });

  test.skipIf(noOpenssl !== undefined)(
    "by TLS, where one who does not speak it is a line of the log and no report",
    () => {
      const { server: credentials } = certificates();
      const said: unknown[] = [];
      const log = {
        info: (fields: object, message: string) => void said.push([message, fields]),
        error: (fields: object) => void said.push(fields),
      };
      return serving({ tls: credentials, handler: () => text("hello"), log }, function* (server) {
        const stranger = yield* connect({ host: "127.0.0.1", port: server.address.port });
        yield* stranger.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        while ((yield* stranger.read()) !== undefined);
        stranger.abort();
        while (said.length === 0) yield* sleep(1);
        expect(said).toEqual([["connection lost", { reason: expect.stringContaining("127.0.0.1") }]]);
      });
    },
  );

  test("neither both nor nowhere", () =>
    run(() =>
      group(function* () {
        for (const where of [{}, { port: 0, unix: "/nowhere" }]) {
          let error: unknown;
          try {
            yield* serve({ ...where, handler: () => text("") });
          } catch (thrown) {
            error = thrown;
          }
          expect(String(error)).toContain("either a `port` or the path");
        }
      }),
    ));
});

describe("on sockets", () => {
  test("a client that resets or ends its connection cancels the handler", () => {
    let ended = 0;
    return serving(
      {
        *handler() {
          try {
            yield* sleep(60_000);
          } finally {
            ended++;
          }
          return text("never");
        },
      },
      function* (server) {
        for (const how of ["abort", "end"] as const) {
          const begun = server.metrics().requests;
          const client = yield* connect({ host: "127.0.0.1", port: server.address.port });
          yield* client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          while (server.metrics().requests === begun) yield* sleep(1);
          const before = ended;
          if (how === "abort") client.abort();
          else yield* client.end();
          while (ended === before) yield* sleep(1);
          yield* client.close();
        }
        expect(server.metrics().abandoned).toBe(2);
      },
    );
  });

  test("a client that sends all of a large body before it reads gets the refusal", () =>
    serving({ handler: () => text("too large", { status: 413 }) }, function* (server) {
      for (let i = 0; i < 5; i++) {
        const client = yield* connect({ host: "127.0.0.1", port: server.address.port });
        yield* client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
        yield* client.write(new Uint8Array(3_000_000));
        yield* sleep(1);
        expect((yield* client.lines().toArray()).at(-1)).toBe("too large");
        yield* client.close();
      }
    }));

  test("no more connections at once than allowed: the others wait for their turn", () => {
    let most = 0;
    let open = 0;
    return serving(
      {
        limits: { connections: 2 },
        *handler() {
          most = Math.max(most, ++open);
          yield* sleep(5);
          open--;
          return text("x", { headers: { connection: "close" } });
        },
      },
      function* (server) {
        function* one(): Generator<any, void, any> {
          const client = yield* connect({ host: "127.0.0.1", port: server.address.port });
          yield* client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          expect((yield* client.lines().toArray()).at(-1)).toBe("x");
          yield* client.close();
        }
        yield* all(Array.from({ length: 8 }, () => one));
        expect(most).toBe(2);
      },
    );
  });

  test("a server that is stopped before it has had its first step never serves", () =>
    leavesNothing(() =>
      run(() =>
        group(function* () {
          const server = yield* serve({ host: "127.0.0.1", port: 0, handler: () => text("never") });
          server.stop();
          yield* server.ended();
          expect(server.metrics()).toMatchObject({ accepted: 0, connections: 0 });
        }),
      ),
    ));

  test("a server whose time is over ends its connections, and nothing else of its group", () =>
    leavesNothing(() =>
      run(() =>
        group(function* () {
          const server = yield* serve({
            host: "127.0.0.1",
            port: 0,
            *handler() {
              yield* sleep(60_000);
              return text("never");
            },
          });
          const client = yield* connect({ host: "127.0.0.1", port: server.address.port });
          yield* client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          while (server.metrics().inFlight === 0) yield* sleep(1);
          server.stop({ within: 1 });
          yield* server.ended();
          let error: unknown;
          try {
            yield* client.read();
          } catch (thrown) {
            error = thrown;
          }
          expect((error as Error).name).toBe("BrokenError");
          yield* client.close();
        }),
      ),
    ));

  test("stopped under load, every request that was begun is answered", () =>
    leavesNothing(() =>
      run(() =>
        group(function* (g) {
          const working = new Gate();
          const server = yield* serve({
            host: "127.0.0.1",
            port: 0,
            *handler() {
              working.open();
              yield* sleep(2);
              return text("done");
            },
          });
          let answered = 0;
          let broken = 0;
          let refused = 0;
          for (let i = 0; i < 20; i++) {
            g.spawn(function* () {
              for (;;) {
                let client;
                try {
                  client = yield* connect({ host: "127.0.0.1", port: server.address.port });
                } catch {
                  refused++;
                  return;
                }
                try {
                  for (let n = 0; n < 5; n++) {
                    yield* client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                    const head = yield* client.readUntil("\r\n\r\n");
                    if (head === undefined) break; // closed between two requests, as an idle connection may be
                    const body = yield* client.readExactly(4);
                    expect(new TextDecoder().decode(body)).toBe("done");
                    answered++;
                    if (new TextDecoder().decode(head).includes("Connection: close")) break;
                  }
                } catch {
                  broken++;
                } finally {
                  client.abort();
                  yield* client.close();
                }
              }
            });
          }
          yield* working.wait();
          yield* sleep(30);
          const { requests } = server.metrics();
          expect(requests).toBeGreaterThan(0);
          server.stop({ within: 10_000 });
          yield* server.ended();
          const metrics = server.metrics();
          expect(metrics).toMatchObject({ inFlight: 0, abandoned: 0, connections: 0 });
          while (refused < 20) yield* sleep(1);
          // A request that reached a connection at the moment in which it was closed as idle was never begun: a client may
          // send it again. All that were begun have their answers.
          expect(answered).toBe(metrics.requests);
          expect(broken).toBeLessThanOrEqual(20);
        }),
      ),
    ));
});
