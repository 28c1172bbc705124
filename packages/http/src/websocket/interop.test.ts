/**
 * With what others wrote, on real sockets: npm's `ws`, both ways, and the client that Node has built in.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type Coroutine, group, type Group, type Operation, run, suspend, until } from "rondo";
import { describe, expect, test } from "vitest";
import { WebSocket as Ws, WebSocketServer, type ServerOptions } from "ws";
import { certificates, noOpenssl } from "../../../rondo/tests/certificates.ts";
import { leavesNothing } from "../../../rondo/tests/leaks.ts";
import { thrownBy } from "../../tests/sockets.ts";
import { connectWebSocket, type HttpRequest, serve, upgrade, type UpgradeOptions, type WebSocket } from "../index.ts";

function* echo(socket: WebSocket): Coroutine<void> {
  for (;;) {
    const message = yield* socket.receive();
    if (message === undefined) return;
    yield* socket.send(message);
  }
}

/** What a handler threw. */
const failures: unknown[] = [];
const log = { info: () => {}, error: (what: object) => void failures.push((what as { err: unknown }).err) };

/** Runs `body` with the URL of a server of ours, and leaves nothing behind. */
function withServer(
  body: (url: string, g: Group) => Operation<unknown>,
  use: (socket: WebSocket) => Operation<unknown> = echo,
  options: UpgradeOptions = {},
): Promise<void> {
  return leavesNothing(() =>
    run(() =>
      group(function* (g) {
        const handler = (request: HttpRequest) => upgrade(request, use, options);
        const server = yield* serve({ host: "127.0.0.1", port: 0, handler, log });
        yield* body(`ws://127.0.0.1:${server.address.port}/`, g);
        server.stop({ within: 1000 });
      }),
    ),
  );
}

/** Runs `body` with the URL of a server of `ws` that echoes. */
async function withWs(
  body: (url: string, server: WebSocketServer) => Operation<unknown>,
  options: ServerOptions = {},
): Promise<void> {
  await leavesNothing(async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options });
    await once(server, "listening");
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      socket.on("message", (data, binary) => socket.send(data, { binary }));
    });
    await run(() => body(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, server));
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
}

/** An event of a socket of `ws`, as an operation: the arguments that its listeners get. */
function event(emitter: Ws, name: string): Operation<unknown[]> {
  return suspend<unknown[]>((wake) => {
    const listener = (...args: unknown[]): void => wake(args);
    emitter.once(name, listener);
    return () => {
      emitter.off(name, listener);
      return true;
    };
  }, name);
}

const sizes = [0, 1, 125, 126, 127, 1000, 65_535, 65_536, 300_000];
const words = (size: number): string => "lorem ipsum dolor sit amet ".repeat(Math.ceil(size / 27)).slice(0, size);

describe("a client of `ws`, and our server", () => {
  test.each([
    ["plain", {}, {}],
    ["compressed", { deflate: { threshold: 0 } }, { perMessageDeflate: { threshold: 0 } }],
    [
      "compressed, each message anew",
      { deflate: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true } },
      { perMessageDeflate: { threshold: 0 } },
    ],
    [
      "compressed, with short memories",
      { deflate: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10 } },
      { perMessageDeflate: { threshold: 0 } },
    ],
    [
      "compressed as the client wants it",
      { deflate: { threshold: 0 } },
      {
        perMessageDeflate: {
          threshold: 0,
          serverNoContextTakeover: true,
          serverMaxWindowBits: 11,
          clientMaxWindowBits: 12,
        },
      },
    ],
  ])("echo, %s", (name, ours, theirs) =>
    withServer(
      function* (url) {
        const client = new Ws(url, { perMessageDeflate: false, ...theirs });
        yield* event(client, "open");
        expect(client.extensions.startsWith("permessage-deflate")).toBe(name !== "plain");
        for (const size of sizes) {
          const text = words(size);
          client.send(text);
          expect((yield* event(client, "message"))[0]?.toString() === text, `text of ${size}`).toBe(true);
          const bytes = Buffer.from(text);
          client.send(bytes);
          const [got, binary] = yield* event(client, "message");
          expect(binary).toBe(true);
          expect(Buffer.compare(got as Buffer, bytes), `bytes of ${size}`).toBe(0);
        }
        client.ping("life");
        expect(String((yield* event(client, "pong"))[0])).toBe("life");
        client.close(4321, "enough");
        const [code, reason] = yield* event(client, "close");
        expect([code, String(reason)]).toEqual([4321, "enough"]);
      },
      echo,
      { maxMessage: 1_000_000, ...ours },
    ),
  );

  test("fragments, text in pieces, and a Close of ours", () =>
    withServer(
      function* (url) {
        const client = new Ws(url);
        yield* event(client, "open");
        for (const [part, fin] of [
          ["ein ", false],
          ["sch\u00f6ner", false],
          [" Tag", true],
        ] as const)
          client.send(part, { fin });
        expect(String((yield* event(client, "message"))[0])).toBe("ein sch\u00f6ner Tag");
        client.send("bye");
        const [code, reason] = yield* event(client, "close");
        expect([code, String(reason)]).toEqual([4000, "as you wish"]);
      },
      function* (socket) {
        for (;;) {
          const message = yield* socket.receive();
          if (message === "bye") return yield* socket.close(4000, "as you wish");
          yield* socket.sendStream((message as string).split(/(?= )/));
        }
      },
    ));

  test("a handler that ends is 1000, one that throws 1011, and the server goes on", () =>
    withServer(
      function* (url) {
        for (const [path, expected] of [
          ["end", 1000],
          ["throw", 1011],
          ["end", 1000],
        ] as const) {
          const client = new Ws(url + path);
          yield* event(client, "open");
          client.send(path);
          expect((yield* event(client, "close"))[0]).toBe(expected);
        }
        expect(failures.splice(0).map(String)).toEqual(["Error: of the handler"]);
      },
      function* (socket) {
        if ((yield* socket.receive()) === "throw") throw new Error("of the handler");
      },
    ));

  test("a message that is too large is 1009, and one that is not text 1007", () =>
    withServer(
      function* (url) {
        const client = new Ws(url);
        yield* event(client, "open");
        client.send(Buffer.alloc(101));
        expect((yield* event(client, "close"))[0]).toBe(1009);
        const other = new Ws(url);
        yield* event(other, "open");
        other.send(Buffer.from([0xff]), { binary: false });
        expect((yield* event(other, "close"))[0]).toBe(1007);
      },
      function* (socket) {
        yield* thrownBy(() => echo(socket));
      },
      { maxMessage: 100 },
    ));

  test("what does not suit is refused with a status", () =>
    withServer(function* (url) {
      for (const [options, status] of [
        [{ origin: "https://evil.example" }, 403],
        [{ origin: url.replace("ws:", "http:").slice(0, -1) }, 101],
        [{ protocolVersion: 8 }, 426],
      ] as const) {
        const client = new Ws(url, options);
        if (status === 101) yield* event(client, "open");
        else {
          client.on("error", () => {});
          const [, response] = yield* event(client, "unexpected-response");
          expect((response as { statusCode: number }).statusCode).toBe(status);
        }
        client.terminate();
      }
    }));

  test("subprotocols: the first of the client's that the server speaks", () =>
    withServer(
      function* (url) {
        const client = new Ws(url, ["c", "b", "a"]);
        yield* event(client, "open");
        expect(client.protocol).toBe("b");
        client.close();
        yield* event(client, "close");
      },
      function* (socket) {
        expect(socket.protocol).toBe("b");
        yield* echo(socket);
      },
      { protocols: ["a", "b"] },
    ));
});

describe("our client, and a server of `ws`", () => {
  test.each([
    ["plain", {}, {}],
    ["compressed", { deflate: { threshold: 0 } }, { perMessageDeflate: { threshold: 0 } }],
    [
      "compressed, each message anew",
      { deflate: { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true } },
      { perMessageDeflate: { threshold: 0 } },
    ],
    [
      "compressed as the server wants it",
      { deflate: { threshold: 0 } },
      {
        perMessageDeflate: {
          threshold: 0,
          serverMaxWindowBits: 9,
          clientMaxWindowBits: 9,
          serverNoContextTakeover: true,
        },
      },
    ],
  ])("echo, %s", (name, ours, theirs) =>
    withWs(function* (url) {
      const socket = yield* connectWebSocket(url, { maxMessage: 1_000_000, ...ours });
      expect(socket.compresses).toBe(name !== "plain");
      for (const size of sizes) {
        const text = words(size);
        yield* socket.send(text);
        expect((yield* socket.receive()) === text, `text of ${size}`).toBe(true);
        const bytes = Buffer.from(text);
        yield* socket.send(bytes);
        expect(Buffer.compare((yield* socket.receive()) as Uint8Array, bytes), `bytes of ${size}`).toBe(0);
      }
      yield* socket.sendStream(["in ", "several ", "", "parts"]);
      expect(yield* socket.receive()).toBe("in several parts");
      expect(yield* socket.ping()).toBeGreaterThan(0);
      expect(yield* socket.close(4444, "done")).toEqual({ code: 4444, reason: "done", clean: true, by: "us" });
    }, theirs),
  );

  test("a Close of the server, and a server that goes away", () =>
    withWs(function* (url, server) {
      const socket = yield* connectWebSocket(url);
      for (const client of server.clients) client.close(1001, "later");
      expect(yield* socket.receive()).toBe(undefined);
      expect(socket.closed).toEqual({ code: 1001, reason: "later", clean: true, by: "peer" });
      const other = yield* connectWebSocket(url);
      for (const client of server.clients) client.terminate();
      expect(yield* thrownBy(() => other.receive())).toMatchObject({ code: 1006 });
    }));

  test("a server that refuses, or chooses what was not offered", () =>
    withWs(
      function* (url) {
        expect(yield* thrownBy(() => connectWebSocket(url, { headers: { "x-token": "no" } }) as never)).toMatchObject({
          status: 401,
        });
        const socket = yield* connectWebSocket(url, { headers: { "x-token": "yes" }, protocols: ["one", "two"] });
        expect(socket.protocol).toBe("one");
        yield* socket.close();
      },
      { verifyClient: ({ req }: { req: { headers: Record<string, unknown> } }) => req.headers["x-token"] === "yes" },
    ));
});

describe("Node's own client, and our server", () => {
  test.each([
    ["plain", {}],
    ["compressed", { deflate: { threshold: 0 } }],
  ] as const)("echo, %s", (name, options) =>
    withServer(
      function* (url) {
        const client = new globalThis.WebSocket(url);
        client.binaryType = "arraybuffer";
        const next = (type: string): Operation<Event> =>
          until(new Promise<Event>((resolve) => client.addEventListener(type, resolve, { once: true })));
        yield* next("open");
        expect(client.extensions.includes("permessage-deflate")).toBe(name === "compressed");
        for (const size of sizes) {
          const text = words(size);
          client.send(text);
          expect(((yield* next("message")) as MessageEvent).data === text, `text of ${size}`).toBe(true);
          client.send(Buffer.from(text));
          const { data } = (yield* next("message")) as MessageEvent;
          expect(Buffer.compare(Buffer.from(data as ArrayBuffer), Buffer.from(text)), `bytes of ${size}`).toBe(0);
        }
        client.close(4000, "gone");
        expect((yield* next("close")) as CloseEvent).toMatchObject({ code: 4000, reason: "gone", wasClean: true });
      },
      echo,
      options,
    ),
  );
});

describe("wss:", () => {
  test("our client and our server, behind TLS", ({ skip }) => {
    if (noOpenssl !== undefined) skip(noOpenssl);
    const { ca, server: credentials } = certificates();
    return leavesNothing(() =>
      run(() =>
        group(function* () {
          const handler = (request: HttpRequest) => upgrade(request, echo);
          const server = yield* serve({ host: "127.0.0.1", port: 0, handler, tls: credentials });
          const url = `wss://localhost:${server.address.port}/`;
          const socket = yield* connectWebSocket(url, { tls: { ca } });
          yield* socket.send("hello behind TLS");
          expect(yield* socket.receive()).toBe("hello behind TLS");
          expect(yield* socket.close()).toMatchObject({ code: 1000, clean: true });
          expect(yield* thrownBy(() => connectWebSocket(url) as never)).toMatchObject({ name: "TlsError" });
          server.stop({ within: 1000 });
        }),
      ),
    );
  });

  test("what is no URL of a WebSocket is refused where it is given", () => {
    for (const url of ["nowhere", "ftp://localhost/", "ws://localhost/#part", "ws://localhost/#"])
      expect(() => connectWebSocket(url), url).toThrow(TypeError);
    expect(() => connectWebSocket("ws://localhost/", { deflate: { clientMaxWindowBits: 8 } })).toThrow(RangeError);
  });
});
