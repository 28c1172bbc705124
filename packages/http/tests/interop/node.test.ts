/**
 * With Node's own HTTP and with undici, both ways, on real sockets, in the clear and by TLS: what those who change one side of
 * a system at a time will have.
 */
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { type Coroutine, Flow, group, type Operation, run, sleep, until } from "rondo";
import { TlsError } from "rondo/net";
import { Pool, ProxyAgent, request as undiciRequest } from "undici";
import { describe, expect, test } from "vitest";
import { certificates, noOpenssl } from "../../../rondo/tests/certificates.ts";
import { leavesNothing } from "../../../rondo/tests/leaks.ts";
import {
  type Client,
  type ClientOptions,
  HttpError,
  HttpResponse,
  type HttpServer,
  json,
  openClient,
  serve,
  type ServeOptions,
  stream,
  text,
  TruncatedError,
} from "../../src/index.ts";
import { thrownBy } from "../sockets.ts";

/** Runs `body` beside a server of ours. */
function withOurs(
  options: Omit<ServeOptions, "port" | "host">,
  body: (url: string, server: HttpServer) => Operation<unknown>,
): Promise<void> {
  return leavesNothing(() =>
    run(() =>
      group(function* () {
        const server = yield* serve({ host: "127.0.0.1", port: 0, ...options });
        yield* body(server.url, server);
        server.stop({ within: 2000 });
        yield* server.ended();
      }),
    ),
  );
}

/** Runs `body` with a client of ours beside a server of Node's. */
async function withTheirs(
  server: http.Server | https.Server,
  body: (client: Client, url: string) => Coroutine<void>,
  options: ClientOptions = {},
): Promise<void> {
  await leavesNothing(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const scheme = server instanceof https.Server ? "https" : "http";
    const url = `${scheme}://localhost:${(server.address() as AddressInfo).port}`;
    try {
      await run(() =>
        group(() => body(openClient({ baseUrl: url, family: 4, proxy: null, ...options }), url) as Coroutine<unknown>),
      );
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

/** A request of `node:http`, and all that came of it. */
async function ask(
  url: string,
  options: http.RequestOptions,
  body?: string | Buffer,
): Promise<{ status: number; body: string; response: http.IncomingMessage }> {
  const request = (url.startsWith("https:") ? https : http).request(url, options);
  request.end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let all = "";
  for await (const part of response.setEncoding("utf8")) all += String(part);
  return { status: response.statusCode as number, body: all, response };
}

describe("node:http asks our server", () => {
  test("it waits for the consent to a body, and hears of a refusal", () =>
    withOurs(
      {
        *handler(request) {
          if (request.path === "/no") throw new HttpError(403, "not you");
          return text(String((yield* request.bytes()).length));
        },
      },
      function* (url) {
        yield* until(
          (async () => {
            const agent = new http.Agent({ keepAlive: true });
            for (const path of ["/yes", "/no", "/yes"]) {
              const headers = { expect: "100-continue", "content-length": 5 };
              const request = http.request(`${url}${path}`, { method: "POST", headers, agent });
              let continued = false;
              request.on("continue", () => {
                continued = true;
                request.end("hello");
              });
              request.flushHeaders();
              const [response] = (await once(request, "response")) as [http.IncomingMessage];
              response.resume();
              await once(response, "end");
              request.destroy();
              expect([response.statusCode, continued]).toEqual(path === "/yes" ? [200, true] : [403, false]);
            }
            agent.destroy();
          })(),
        );
      },
    ));

  test("it reads trailers, sends its own, and takes a connection over", () =>
    withOurs(
      {
        *handler(request) {
          if (request.headers.get("upgrade") === "echo")
            return HttpResponse.upgrade({ upgrade: "echo", connection: "upgrade" }, function* (socket) {
              yield* socket.write((yield* socket.read()) ?? "");
              yield* socket.close();
            });
          const size = (yield* request.bytes()).length;
          return stream(Flow.from([`${size} `, request.trailers?.get("x-sum") ?? "none"]), {
            trailers: () => ({ "x-end": "here" }),
          });
        },
      },
      function* (url) {
        yield* until(
          (async () => {
            const request = http.request(url, { method: "POST", headers: { trailer: "x-sum", te: "trailers" } });
            request.write("hello ");
            request.addTrailers({ "x-sum": "42" });
            request.end("there");
            const [response] = (await once(request, "response")) as [http.IncomingMessage];
            let all = "";
            for await (const part of response.setEncoding("utf8")) all += String(part);
            expect([all, response.trailers]).toEqual(["11 42", { "x-end": "here" }]);

            const upgrading = http.request(url, { headers: { connection: "upgrade", upgrade: "echo" } });
            upgrading.end();
            const [answer, socket] = (await once(upgrading, "upgrade")) as [http.IncomingMessage, net.Socket];
            expect(answer.statusCode).toBe(101);
            socket.write("ping");
            expect(String(((await once(socket, "data")) as [Buffer])[0])).toBe("ping");
            socket.end();
            await once(socket, "close");
          })(),
        );
      },
    ));
});

describe("undici asks our server", () => {
  test("a pool of it that pipelines gets each answer where it belongs", () =>
    withOurs(
      {
        *handler(request) {
          yield* sleep(Math.random() * 2);
          return text(request.path.repeat(request.path.length % 7));
        },
        limits: { pipelined: 4 },
      },
      function* (url, server) {
        yield* until(
          (async () => {
            const pool = new Pool(url, { connections: 2, pipelining: 8 });
            const answers = Array.from({ length: 200 }, async (_, i) => {
              const path = `/${"x".repeat(i % 13)}${i}`;
              const { body } = await pool.request({ path, method: "GET" });
              return (await body.text()) === path.repeat(path.length % 7);
            });
            expect((await Promise.all(answers)).every(Boolean)).toBe(true);
            expect(server.metrics()).toMatchObject({ accepted: 2, requests: 200 });
            await pool.close();
          })(),
        );
      },
    ));

  test("bodies that are streams, up and down, and one that it gives up", () => {
    let left = 0;
    return withOurs(
      {
        *handler(request) {
          if (request.path === "/back") return stream(request.body);
          try {
            yield* sleep(1e8);
          } finally {
            left++;
          }
          return text("never");
        },
      },
      function* (url) {
        yield* until(
          (async () => {
            const pool = new Pool(url);
            function* pieces(): Generator<Buffer, void> {
              for (let i = 0; i < 50; i++) yield Buffer.alloc(10_000, i);
            }
            const { body } = await pool.request({ path: "/back", method: "POST", body: Readable.from(pieces()) });
            const back = Buffer.from(await body.arrayBuffer());
            expect(back.equals(Buffer.concat([...pieces()]))).toBe(true);
            const controller = new AbortController();
            const asked = pool.request({ path: "/never", method: "GET", signal: controller.signal });
            setImmediate(() => controller.abort());
            await expect(asked).rejects.toThrow();
            await pool.destroy();
          })(),
        );
        // It may have been given up before it was heard of.
        expect(left).toBeLessThanOrEqual(1);
      },
    );
  });
});

describe("our client asks a server of node:http", () => {
  test("what Node frames in its ways comes whole: chunks, trailers, early hints, compressed, none, until the end", () =>
    withTheirs(
      http.createServer((request, response) => {
        const { url = "" } = request;
        if (url === "/trailers") {
          response.writeHead(200, { trailer: "x-sum" });
          response.write("a");
          response.addTrailers({ "x-sum": "1" });
          response.end("b");
        } else if (url === "/hints") {
          response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("hinted"));
        } else if (url === "/gzip")
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("z".repeat(10_000)));
        else if (url === "/none") response.writeHead(204).end();
        else if (url === "/until-end") {
          response.useChunkedEncodingByDefault = false;
          response.writeHead(200, { connection: "close" });
          response.write("all ");
          response.end("of it");
        } else if (url === "/cookies") response.writeHead(200, { "set-cookie": ["a=1", "b=2"] }).end();
        else if (url === "/breaks") {
          response.writeHead(200, { "content-length": 100 });
          response.write("some", () => response.destroy());
        } else void request.pipe(response);
      }),
      function* (client) {
        const read = function* (path: string): Coroutine<string> {
          return yield* (yield* client.fetch(path)).text();
        };
        for (let round = 0; round < 2; round++) {
          const trailers = yield* client.fetch("/trailers");
          expect([yield* trailers.text(), trailers.trailers?.get("x-sum")]).toEqual(["ab", "1"]);
          const hints: (string | undefined)[] = [];
          const hinted = yield* client.fetch("/hints", { onInterim: (head) => hints.push(head.headers.get("link")) });
          expect([yield* hinted.text(), hints]).toEqual(["hinted", ["</a.css>; rel=preload"]]);
          expect(yield* read("/gzip")).toBe("z".repeat(10_000));
          expect(yield* read("/none")).toBe("");
          expect(yield* read("/until-end")).toBe("all of it");
          expect((yield* client.fetch("/cookies")).headers.getAll("set-cookie")).toEqual(["a=1", "b=2"]);
          expect(yield* thrownBy(() => read("/breaks"))).toBeInstanceOf(TruncatedError);
          const echo = yield* client.fetch("/echo", { body: Flow.from(["x".repeat(1000), "y".repeat(100_000)]) });
          expect(yield* echo.text()).toBe("x".repeat(1000) + "y".repeat(100_000));
        }
      },
    ));

  test("connections that Node closes after a few requests, or soon, lose no request", () => {
    const server = http.createServer((request, response) => void response.end(request.url));
    server.maxRequestsPerSocket = 3;
    server.keepAliveTimeout = 1;
    return withTheirs(server, function* (client) {
      for (let i = 0; i < 60; i++) {
        expect(yield* (yield* client.fetch(`/${i}`)).text()).toBe(`/${i}`);
        if (i % 10 === 0) yield* sleep(2);
      }
    });
  });
});

/** A proxy in a few lines: requests in the clear are passed on, tunnels are made; it wants a password. */
function proxy(log: string[]): http.Server {
  const refused = (headers: http.IncomingHttpHeaders): boolean =>
    headers["proxy-authorization"] !== `Basic ${Buffer.from("ann:secret").toString("base64")}`;
  const server = http.createServer((request, response) => {
    log.push(`${request.method} ${new URL(request.url ?? "").pathname}`);
    if (refused(request.headers)) {
      response.writeHead(407).end("who are you?");
      return;
    }
    const { "proxy-authorization": _, ...headers } = request.headers;
    const onward = http.request(request.url ?? "", { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    log.push("CONNECT");
    // Whoever is refused may leave as roughly as he likes.
    socket.on("error", () => socket.destroy());
    if (refused(request.headers)) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const [host, port] = (request.url ?? "").split(":");
    const onward = net.connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  });
  return server;
}

describe("through a proxy on real sockets", () => {
  test("our client, in the clear: the proxy is asked for whole addresses, and wants to know by whom", () => {
    const log: string[] = [];
    return withTheirs(proxy(log), function* (_, address) {
      const at = address.replace("http://localhost", "127.0.0.1");
      const server = yield* serve({ host: "127.0.0.1", port: 0, handler: (request) => text(request.target) });
      const client = openClient({ proxy: `http://ann:secret@${at}` });
      for (const path of ["/a", "/b?c"]) expect(yield* (yield* client.fetch(`${server.url}${path}`)).text()).toBe(path);
      const stranger = openClient({ proxy: `http://${at}` });
      expect((yield* stranger.fetch(server.url)).status).toBe(407);
      expect(log).toEqual(["GET /a", "GET /b", "GET /"]);
      server.stop({ within: 1000 });
    });
  });

  test.skipIf(noOpenssl !== undefined)(
    "our client, by TLS: a tunnel, that the proxy refuses to strangers",
    { tags: ["long"] },
    () => {
      const log: string[] = [];
      const { ca, server: tls } = certificates();
      return withTheirs(proxy(log), function* (_, address) {
        const at = address.replace("http://localhost", "127.0.0.1");
        const server = yield* serve({ host: "127.0.0.1", port: 0, tls, handler: (request) => json([request.secure]) });
        const client = openClient({ proxy: `http://ann:secret@${at}`, tls: { ca } });
        for (let i = 0; i < 3; i++) expect(yield* (yield* client.fetch(server.url)).json()).toEqual([true]);
        const stranger = openClient({ proxy: `http://${at}`, tls: { ca } });
        expect(yield* thrownBy(() => stranger.fetch(server.url))).toMatchObject({
          message: expect.stringContaining("407") as string,
        });
        expect(log).toEqual(["CONNECT", "CONNECT"]);
        server.stop({ within: 1000 });
      });
    },
  );

  test("undici asks our server through it", () => {
    const log: string[] = [];
    return withTheirs(proxy(log), function* (_, uri) {
      const server = yield* serve({ host: "127.0.0.1", port: 0, handler: (request) => text(request.path) });
      const dispatcher = new ProxyAgent({ uri, token: `Basic ${Buffer.from("ann:secret").toString("base64")}` });
      const got = yield* until(undiciRequest(`${server.url}/x`, { dispatcher }).then(({ body }) => body.text()));
      expect(got).toBe("/x");
      yield* until(dispatcher.close());
      server.stop({ within: 1000 });
    });
  });
});

describe.skipIf(noOpenssl !== undefined)("by TLS", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("node:https takes a session of %s up again with our server", (version) => {
    const { ca, server: tls } = certificates();
    return withOurs({ tls, handler: () => text("secret") }, function* (url) {
      yield* until(
        (async () => {
          const agent = new https.Agent({ ca, keepAlive: false, maxVersion: version, minVersion: version });
          const resumed: boolean[] = [];
          for (let i = 0; i < 3; i++) {
            const { body, response } = await ask(url, { agent });
            expect(body).toBe("secret");
            resumed.push((response.socket as TLSSocket).isSessionReused());
          }
          expect(resumed).toEqual([false, true, true]);
          agent.destroy();
        })(),
      );
    });
  });

  test.each([
    ["a name that is not its own", "other", /other\.test/],
    ["a certificate that is over", "expired", /expired/],
    ["a certificate that it has signed itself", "selfSigned", /self|trust|authority/i],
    ["an authority that nobody knows", "stranger", /trust|authority|unknown/i],
  ] as const)("our client does not talk to a server of node:https with %s", (_, which, why) => {
    const made = certificates();
    let asked = 0;
    const server = https.createServer(made[which], (_request, response) => {
      asked++;
      response.end("secret");
    });
    return withTheirs(
      server,
      function* (client) {
        const error = yield* thrownBy(() => client.fetch("/"));
        expect(error).toBeInstanceOf(TlsError);
        expect((error as Error).message).toMatch(why);
        expect(asked).toBe(0);
      },
      { tls: { ca: made.ca } },
    );
  });

  test("our client keeps a connection to node:https, and one to each name", () => {
    const { ca, server: tls } = certificates();
    const sockets = new Set<unknown>();
    const server = https.createServer(tls, (request, response) => {
      sockets.add(request.socket);
      response.end(request.headers.host?.split(":")[0]);
    });
    return withTheirs(
      server,
      function* (client, url) {
        for (let i = 0; i < 3; i++) {
          expect(yield* (yield* client.fetch("/")).text()).toBe("localhost");
          const other = yield* client.fetch(url.replace("localhost", "127.0.0.1"));
          expect(yield* other.text()).toBe("127.0.0.1");
        }
        expect(sockets.size).toBe(2);
      },
      { tls: { ca } },
    );
  });
});
