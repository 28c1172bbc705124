/** The client against servers in simulated worlds: what it sends, what it follows, what becomes of connections. */
import { ClosedError, type Coroutine, Flow, group, sleep } from "rondo";
import { describe, expect, test } from "vitest";
import { type Echo, echo, fetching, inWorld, rawServer, thrown, webServer } from "../../tests/fetching.ts";
import {
  compressed,
  fetch,
  HttpError,
  HttpResponse,
  type HttpRequest,
  openClient,
  ProtocolError,
  redirect,
  stream,
  text,
  TruncatedError,
} from "../index.ts";

describe("a request", () => {
  test("says what is wanted, of whom, and by whom", () => {
    fetching(echo, function* (client) {
      const answer = (yield* (yield* client.fetch("/a/b?c=d#e")).json()) as Echo;
      expect(answer).toMatchObject({ method: "GET", target: "/a/b?c=d", body: "" });
      expect(answer.headers).toEqual({
        host: "server",
        "user-agent": "rondo",
        accept: "*/*",
        "accept-encoding": "br, zstd, gzip, deflate",
      });
    });
  });

  test("has fields of the client and of its own, the last word on each name", () => {
    fetching(
      echo,
      function* (client) {
        const { headers } = (yield* (yield* client.fetch("/", {
          headers: { ACCEPT: "text/html", "X-B": "2" },
        })).json()) as Echo;
        expect(headers).toMatchObject({ accept: "text/html", "x-a": "1", "x-b": "2", "user-agent": "mine" });
      },
      { headers: { "User-Agent": "mine", "X-A": "1" } },
    );
  });

  test.each([
    ["text", { body: "häuser" }, "häuser", "text/plain; charset=utf-8", "7"],
    ["bytes", { body: new TextEncoder().encode("bytes") }, "bytes", undefined, "5"],
    ["many bytes", { body: new Uint8Array(200_000).fill(65) }, "A".repeat(200_000), undefined, "200000"],
    [
      "a form",
      { body: new URLSearchParams({ a: "1 2", b: "&" }) },
      "a=1+2&b=%26",
      "application/x-www-form-urlencoded",
      "11",
    ],
    ["json", { json: { a: [1] } }, '{"a":[1]}', "application/json", "9"],
    ["nothing", { method: "POST" }, "", undefined, "0"],
    ["json of its own type", { json: 1, headers: { "content-type": "application/x" } }, "1", "application/x", "1"],
  ] as const)("carries %s", (_, options, body, type, length) => {
    fetching(echo, function* (client) {
      const answer = (yield* (yield* client.fetch("/", { method: "POST", ...options })).json()) as Echo;
      expect(answer.body).toBe(body);
      expect(answer.headers["content-type"]).toBe(type);
      expect(answer.headers["content-length"]).toBe(length);
    });
  });

  test("carries a flow in chunks, while the answer comes in already", () => {
    fetching(
      (request) => stream(request.body),
      function* (client) {
        const parts = ["one ", "two ", "three"];
        const response = yield* client.fetch("/", { body: Flow.from(parts) });
        expect(yield* response.text()).toBe("one two three");
        expect(yield* (yield* client.fetch("/", { method: "POST", body: "again" })).text()).toBe("again");
        expect(client.statistics()["http://server"]).toMatchObject({ idle: 1 });
      },
    );
  });

  test("of any size is sent while the answer comes in already: neither side waits for the other to read", () => {
    fetching(
      (request) => stream(request.body),
      function* (client) {
        const body = new Uint8Array(5_000_000).fill(7);
        const response = yield* client.fetch("/", { method: "POST", body, timeout: 60_000 });
        const back = yield* response.bytes();
        expect([back.length, back.every((byte) => byte === 7)]).toEqual([body.length, true]);
        const again = yield* client.fetch("/", { method: "POST", body: "ü".repeat(500_000), timeout: 60_000 });
        expect((yield* again.text()).length).toBe(500_000);
        expect(client.statistics()["http://server"]).toMatchObject({ lent: 0 });
      },
    );
  });

  test("whose flow fails, fails with that error, and its connection is not used again", () => {
    const failure = new Error("no more");
    fetching(echo, function* (client) {
      const body = Flow.from<string>(function* (emit) {
        yield* emit("one");
        throw failure;
      });
      expect(yield* thrown(client.fetch("/", { body }))).toBe(failure);
      yield* sleep(1000);
      expect(client.statistics()["http://server"]).toMatchObject({ idle: 0, lent: 0 });
    });
  });

  test("is refused where it makes no sense", () => {
    fetching(echo, function* (client) {
      for (const [options, message] of [
        [{ method: "G T" }, "a method is a word"],
        [{ headers: { "a b": "c" } }, "cannot be named"],
        [{ headers: { a: "b\r\nc: d" } }, "control character"],
        [{ headers: { Host: "x" } }, "Host cannot be given"],
        [{ body: "x", json: 1 }, "not both"],
        [{ body: 7 as never }, "text, bytes, URLSearchParams or a flow"],
      ] as const)
        expect(String(yield* thrown(client.fetch("/", options)))).toContain(message);
      expect(String(yield* thrown(client.fetch("ftp://server/")))).toContain("neither http: nor https:");
      expect(String(yield* thrown(fetch("nonsense")))).toContain("no absolute URL");
      expect((yield* client.fetch("/")).status).toBe(200);
    });
  });

  test("sends user and password of its address", () => {
    fetching(echo, function* (client) {
      const { headers, target } = (yield* (yield* client.fetch("http://us%C3%A9r:p%40ss@server/x")).json()) as Echo;
      expect([headers["authorization"], target]).toEqual([
        `Basic ${Buffer.from("usér:p@ss").toString("base64")}`,
        "/x",
      ]);
    });
  });

  test("waits for the server's consent where it is asked to, and sends no body to one that refuses", () => {
    let sent = 0;
    const body = (): Flow<string> =>
      Flow.from<string>(function* (emit) {
        sent++;
        yield* emit("body");
      });
    fetching(
      function* (request) {
        return request.path === "/no" ? text("no", { status: 417 }) : yield* echo(request);
      },
      function* (client) {
        const yes = yield* client.fetch("/", { body: body(), expectContinue: 1000 });
        expect(((yield* yes.json()) as Echo).body).toBe("body");
        expect(sent).toBe(1);
        const no = yield* client.fetch("/no", { body: body(), expectContinue: 1000 });
        expect([no.status, yield* no.text(), sent]).toEqual([417, "no", 1]);
      },
    );
  });
});

describe("an answer", () => {
  test("has status, reason, fields, and the bytes of its head as they came", () => {
    inWorld(function* (world) {
      const head = "HTTP/1.1 299 Quite So\r\nX-A: 1\r\nx-a:2\r\nContent-Length: 2\r\n\r\n";
      rawServer(world, "server", (stream) => stream.write(`${head}ok`) as never);
      const response = yield* openClient({ proxy: null }).fetch("http://server/");
      expect(response).toMatchObject({
        status: 299,
        ok: true,
        reason: "Quite So",
        url: "http://server/",
        redirected: false,
        length: 2,
      });
      expect(response.headers.get("x-a")).toBe("1, 2");
      expect(new TextDecoder().decode(response.rawHead)).toBe(head);
      expect(yield* response.text()).toBe("ok");
      expect(String(yield* thrown(response.text()))).toContain("was read already");
    });
  });

  test("of any length comes whole, in any pieces, and its connection is used again", () => {
    for (const size of [0, 1, 1000, 70_000, 1_000_000]) {
      fetching(
        () => new HttpResponse(new Uint8Array(size).fill(66)),
        function* (client) {
          for (let i = 0; i < 3; i++) expect((yield* (yield* client.fetch("/")).bytes()).length).toBe(size);
          expect(client.statistics()["http://server"]).toEqual({ idle: 1, lent: 0, waiters: 0 });
        },
      );
    }
  });

  test("in chunks has its trailers at the end", () => {
    fetching(
      () => stream(["a", "b"], { trailers: () => ({ "x-sum": "2" }) }),
      function* (client) {
        const response = yield* client.fetch("/", { headers: { te: "trailers" } });
        expect(yield* response.text()).toBe("ab");
        expect(response.trailers?.get("x-sum")).toBe("2");
      },
    );
  });

  test("that is compressed is read as it was, or given raw where that is wanted", () => {
    const long = "hello, hello. ".repeat(500);
    fetching(
      compressed(() => text(long)),
      function* (client) {
        for (let i = 0; i < 2; i++) {
          const response = yield* client.fetch("/");
          expect(response.headers.get("content-encoding")).toBe("br");
          expect(yield* response.text()).toBe(long);
        }
        const raw = yield* client.fetch("/", { raw: true });
        expect((yield* raw.bytes()).length).toBeLessThan(100);
      },
    );
  });

  test("that would be too large is refused at its limit, compressed or not", { tags: ["long"] }, () => {
    fetching(
      compressed((request) => text("x".repeat(request.path === "/bomb" ? 10_000_000 : 50_000))),
      function* (client) {
        const small = yield* client.fetch("/", { headers: { "accept-encoding": "identity" } });
        expect(String(yield* thrown(small.text({ max: 1000 })))).toContain("longer than 1000 bytes");
        const bomb = yield* client.fetch("/bomb");
        expect(String(yield* thrown(bomb.text()))).toContain("more than 1000000 bytes");
        expect((yield* client.fetch("/")).status).toBe(200);
      },
      { maxDecoded: 1_000_000 },
    );
  });

  test("is read in the charset that it names", () => {
    fetching(
      () =>
        new HttpResponse(new Uint8Array([0x80, 0xe9]), {
          headers: { "content-type": 'text/plain; charset="windows-1252"' },
        }),
      function* (client) {
        expect(yield* (yield* client.fetch("/")).text()).toBe("€é");
      },
    );
  });

  test("that nobody reads gives its connection up at the end of the scope", () => {
    fetching(
      () => new HttpResponse(new Uint8Array(1_000_000)),
      function* (client) {
        yield* group(function* () {
          expect((yield* client.fetch("/")).status).toBe(200);
          expect(client.statistics()["http://server"]).toMatchObject({ lent: 1 });
        });
        expect(client.statistics()["http://server"]).toMatchObject({ lent: 0, idle: 0 });
        expect((yield* (yield* client.fetch("/")).bytes()).length).toBe(1_000_000);
      },
      { maxPerHost: 1 },
    );
  });

  test("that is closed in the middle gives its connection up at once, and cannot be read on", () => {
    fetching(
      () => new HttpResponse(new Uint8Array(1_000_000)),
      function* (client) {
        const response = yield* client.fetch("/");
        yield* response.body.next();
        response.close();
        response.close();
        expect(client.statistics()["http://server"]).toMatchObject({ lent: 0 });
        expect(yield* thrown(response.body.next() as Coroutine<unknown>)).toBeInstanceOf(ClosedError);
      },
    );
  });

  test("to HEAD has no body whatever it says, and 204 and 304 have none", () => {
    fetching(
      (request) =>
        request.path === "/" ? text("hello") : new HttpResponse(null, { status: Number(request.path.slice(1)) }),
      function* (client) {
        const head = yield* client.fetch("/", { method: "HEAD" });
        expect([head.headers.get("content-length"), yield* head.text()]).toEqual(["5", ""]);
        for (const status of [204, 304]) expect(yield* (yield* client.fetch(`/${status}`)).text()).toBe("");
        expect(client.statistics()["http://server"]).toMatchObject({ idle: 1 });
      },
    );
  });

  test.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", TruncatedError],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", TruncatedError],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", ProtocolError],
    ["what?\r\n\r\n", ProtocolError],
  ])("of %j, and then the end, is an error", (bytes, kind) => {
    inWorld(function* (world) {
      rawServer(world, "server", function* (stream) {
        yield* stream.write(bytes);
        yield* stream.close();
      });
      const client = openClient({ proxy: null });
      const error = yield* thrown(
        (function* () {
          yield* (yield* client.fetch("http://server/")).bytes();
        })(),
      );
      expect(error).toBeInstanceOf(kind);
      expect(client.statistics()["http://server"]).toMatchObject({ idle: 0, lent: 0 });
    });
  });

  test("without a length ends with the connection", () => {
    inWorld(function* (world) {
      rawServer(world, "server", function* (stream) {
        yield* stream.write("HTTP/1.0 200 OK\r\n\r\nall of it");
        yield* stream.close();
      });
      const client = openClient({ proxy: null });
      expect(yield* (yield* client.fetch("http://server/")).text()).toBe("all of it");
    });
  });

  test("may be preceded by interim ones", () => {
    inWorld(function* (world) {
      rawServer(
        world,
        "server",
        (stream) =>
          stream.write(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
          ) as never,
      );
      const hints: unknown[] = [];
      yield* openClient({ proxy: null }).fetch("http://server/", {
        onInterim: (head) => hints.push(head.headers.get("link")),
      });
      expect(hints).toEqual(["</a>"]);
    });
  });
});

describe("redirects", () => {
  const chain = (request: HttpRequest): HttpResponse | Coroutine<HttpResponse> => {
    const [, status = "", to = ""] = /^\/(\d+)(\/.*)?$/.exec(request.path) ?? [];
    return status === "" ? echo(request) : redirect(to === "" ? "/" : to, { status: Number(status) });
  };

  test.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "body"],
    [308, "PUT", "PUT", "body"],
    [301, "PUT", "PUT", "body"],
  ])("%i of %s asks again by %s", (status, method, then, body) => {
    fetching(chain, function* (client) {
      const response = yield* client.fetch(`/${status}/x`, {
        method,
        body: "body",
        headers: { "content-language": "de" },
      });
      const answer = (yield* response.json()) as Echo;
      expect(answer).toMatchObject({ method: then, body, target: "/x" });
      expect(answer.headers["content-language"]).toBe(body === "" ? undefined : "de");
      expect(response).toMatchObject({ redirected: true, url: "http://server/x" });
    });
  });

  test("are given to the caller, or are errors, where that is wanted", () => {
    fetching(chain, function* (client) {
      expect((yield* client.fetch("/302", { redirect: "manual" })).status).toBe(302);
      expect(String(yield* thrown(client.fetch("/302", { redirect: "error" })))).toContain("leads elsewhere");
    });
  });

  test("in a circle end", () => {
    fetching(
      () => redirect("/again"),
      function* (client) {
        const error = yield* thrown(client.fetch("/", { maxRedirects: 3 }));
        expect(error).toBeInstanceOf(HttpError);
        expect(String(error)).toContain("3 times");
      },
    );
  });

  test("to nowhere, or to what is no HTTP, are errors", () => {
    fetching(
      (request) =>
        new HttpResponse(null, {
          status: 302,
          headers: { location: request.path === "/a" ? "http://[" : "file:///etc/passwd" },
        }),
      function* (client) {
        expect(String(yield* thrown(client.fetch("/a")))).toContain("no address");
        expect(String(yield* thrown(client.fetch("/b")))).toContain("not asked for by HTTP");
      },
    );
  });

  test("take no secrets to another origin, and keep them within one", () => {
    inWorld(function* (world) {
      webServer(world, "one", (request) =>
        request.path === "/out" ? redirect("http://two/") : request.path === "/in" ? redirect("/") : echo(request),
      );
      webServer(world, "two", echo);
      const client = openClient({ proxy: null });
      const secrets = { authorization: "Basic x", cookie: "a=b", "proxy-authorization": "y", "x-kept": "z" };
      const inside = (yield* (yield* client.fetch("http://one/in", { headers: secrets })).json()) as Echo;
      expect(inside.headers).toMatchObject(secrets);
      const outside = (yield* (yield* client.fetch("http://one/out", { headers: secrets })).json()) as Echo;
      expect(outside.headers).toMatchObject({ "x-kept": "z", host: "two" });
      for (const name of ["authorization", "cookie", "proxy-authorization"])
        expect(outside.headers[name]).toBeUndefined();
      const withUser = (yield* (yield* client.fetch("http://u:p@one/out")).json()) as Echo;
      expect(withUser.headers["authorization"]).toBeUndefined();
    });
  });

  test("of a body that can be sent only once say so", () => {
    fetching(chain, function* (client) {
      const error = yield* thrown(client.fetch("/307/x", { method: "PUT", body: Flow.from(["a"]) }));
      expect(String(error)).toContain("cannot be sent twice");
    });
  });
});
