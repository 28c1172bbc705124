// curl and our server: what a person at a terminal does to it, and what scripts do.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  compressed,
  empty,
  files,
  HttpError,
  type HttpRequest,
  type HttpResponse,
  json,
  multipart,
  redirect,
  sse,
  stream,
  text,
} from "@rondo/http";
import { type Coroutine, type Emit, Flow, Gate, sleep } from "rondo";
import { afterAll, describe, expect, test } from "vitest";

import { certificates, noOpenssl } from "../../packages/rondo/tests/certificates.ts";
import { besideServer, curl, lacking } from "./web.ts";

const missing = lacking("curl");
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What a request was, as the answer. */
function* echo(request: HttpRequest): Coroutine<HttpResponse> {
  const { method, target, head } = request;
  const body = yield* request.bytes({ max: 64 * 1024 * 1024 });
  return json({ method, target, version: head.version, size: body.length, sha: sha(body) });
}

if (missing !== undefined) {
  test("curl and our server", ({ skip }) => skip(missing));
} else {
  const folder = mkdtempSync(join(tmpdir(), "rondo-curl-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  const big = randomBytes(3_000_000);
  writeFileSync(path("big.bin"), big);
  writeFileSync(path("small.txt"), "hello\n");

  describe("curl and our server", { timeout: 30_000 }, () => {
    test("several addresses on one connection, one after the other, and many at once", () =>
      besideServer({ handler: echo }, function* (server) {
        const urls = ["/a", "/b?c=d", "/e"].map((target) => `${server.url}${target}`);
        const one = yield* curl(...urls, "-w", " %{num_connects}\\n");
        expect(one.out.match(/\d+$/gm)).toEqual(["1", "0", "0"]);
        expect(one.out).toContain('"target":"/b?c=d"');
        expect(server.metrics().accepted).toBe(1);
        const many = yield* curl("--parallel", "--parallel-max", "10", `${server.url}/[1-50]`, "-w", "%{http_code}\\n");
        expect(many.status).toBe(0);
        expect(many.out.match(/200$/gm)).toHaveLength(50);
        expect(server.metrics()).toMatchObject({ requests: 53, inFlight: 0, malformed: 0 });
      }));

    test("HTTP/1.0: no chunks, and the connection is closed; with keep-alive it is not", () => {
      const pieces = (): HttpResponse => stream(Flow.from(["one ", "two ", "three"]));
      return besideServer({ handler: pieces }, function* (server) {
        const old = yield* curl("-0", "-i", server.url);
        expect(old.out).toMatch(/^HTTP\/1\.1 200 /);
        expect(old.out.toLowerCase()).not.toContain("transfer-encoding");
        expect(old.out.toLowerCase()).toContain("connection: close");
        expect(old.out).toMatch(/\r\n\r\none two three$/);
        const newer = yield* curl("-i", server.url);
        expect(newer.out.toLowerCase()).toContain("transfer-encoding: chunked");
        expect(newer.out).toMatch(/\r\n\r\none two three$/);
      }).then(() =>
        besideServer({ handler: () => text("hello") }, function* (server) {
          const kept = yield* curl(
            "-0",
            "-H",
            "Connection: keep-alive",
            `${server.url}/[1-3]`,
            "-w",
            " %{num_connects} ",
          );
          expect(kept.out).toBe("hello 1 hello 0 hello 0 ");
        }),
      );
    });

    test("HEAD has the head of GET, and nothing behind it", () =>
      besideServer({ handler: files(folder) }, function* (server) {
        const got = yield* curl("-s", "-D", "-", "-o", "/dev/null", `${server.url}/big.bin`);
        const head = yield* curl("-I", `${server.url}/big.bin`, `${server.url}/big.bin`);
        const plain = (lines: string): string => lines.replace(/^date:.*\r\n/gim, "");
        expect(head.status).toBe(0);
        expect(plain(head.out)).toBe(plain(got.out).repeat(2));
        expect(head.out).toMatch(/content-length: 3000000/i);
        expect(server.metrics().accepted).toBe(2);
      }));

    test("files: ranges, going on with a download, and nothing where nothing has changed", () =>
      besideServer({ handler: files(folder) }, function* (server) {
        const url = `${server.url}/big.bin`;
        for (const [range, want] of [
          ["0-9", big.subarray(0, 10)],
          ["-5", big.subarray(-5)],
          ["2999990-", big.subarray(-10)],
          ["5-5", big.subarray(5, 6)],
        ] as const) {
          const part = yield* curl("-r", range, url, "-w", "%{stderr}%{http_code}");
          expect([part.err, part.bytes.equals(want)]).toEqual(["206", true]);
        }
        const several = yield* curl("-r", "0-1,10-11", "-i", url);
        expect(several.out).toMatch(/206[^]*multipart\/byteranges/);
        expect((yield* curl("-r", "4000000-", "-w", "%{stderr}%{http_code}", url)).err).toBe("416");
        // The first half is here already.
        writeFileSync(path("part"), big);
        truncateSync(path("part"), 1_234_567);
        expect((yield* curl("-C", "-", "-o", path("part"), url)).status).toBe(0);
        expect(readFileSync(path("part")).equals(big)).toBe(true);

        const etag = path("etag");
        yield* curl("--etag-save", etag, "-o", "/dev/null", url);
        const same = yield* curl("--etag-compare", etag, "-w", "%{http_code} %{size_download}", url);
        expect(same.out).toBe("304 0");
        const since = yield* curl("-z", path("big.bin"), "-w", "%{http_code} %{size_download}", url);
        expect(since.out).toBe("304 0");
        writeFileSync(path("big.bin"), big.toReversed());
        const other = yield* curl("--etag-compare", etag, "-o", "/dev/null", "-w", "%{http_code}", url);
        expect(other.out).toBe("200");
        writeFileSync(path("big.bin"), big);
      }));

    test("uploads: with a length, in chunks, and with a question first", () =>
      besideServer({ handler: echo }, function* (server) {
        const source = path("big.bin");
        const want = { size: big.length, sha: sha(big) };
        const known = yield* curl("-v", "-T", source, server.url);
        expect(JSON.parse(known.out)).toMatchObject({ method: "PUT", ...want });
        // More than a megabyte: curl asks by itself.
        expect(known.err).toContain("< HTTP/1.1 100 Continue");
        const chunked = yield* curl("-v", "-T", source, "-H", "Transfer-Encoding: chunked", server.url);
        expect(JSON.parse(chunked.out)).toMatchObject({ method: "PUT", ...want });
        expect(chunked.err).toContain("> Transfer-Encoding: chunked");
        const silent = yield* curl("-X", "POST", "-H", "Expect:", "--data-binary", `@${source}`, server.url);
        expect(JSON.parse(silent.out)).toMatchObject({ method: "POST", ...want });
        const nothing = yield* curl("-X", "POST", "-d", "", server.url);
        expect(JSON.parse(nothing.out)).toMatchObject({ method: "POST", size: 0 });
      }));

    test("an upload that is refused is not sent, or its refusal is read all the same", () => {
      const refusing = (): HttpResponse => {
        throw new HttpError(413, "no more than nothing");
      };
      return besideServer({ handler: refusing }, function* (server) {
        const asked = yield* curl("-v", "-T", path("big.bin"), "-w", " %{http_code} %{size_upload}", server.url);
        expect(asked.out).toBe("no more than nothing\n 413 0");
        expect(asked.err).not.toContain("100 Continue");
        const sent = yield* curl("-T", path("big.bin"), "-H", "Expect:", "-w", " %{http_code}", server.url);
        expect(sent.out).toBe("no more than nothing\n 413");
      });
    });

    test("what is compressed by gzip, br or zstd is what it was", () => {
      const page = "<p>the same words again, and again</p>\n".repeat(5000);
      const handler = compressed(() => stream(Flow.from([page]), { headers: { "content-type": "text/html" } }));
      return besideServer({ handler }, function* (server) {
        const all = yield* curl("--compressed", "-w", "%{stderr}%{size_download}", server.url);
        expect(all.out).toBe(page);
        expect(Number(all.err)).toBeLessThan(page.length / 10);
        for (const coding of ["gzip", "br", "zstd"]) {
          const one = yield* curl("--compressed", "-H", `Accept-Encoding: ${coding}`, "-D", "-", server.url);
          expect(one.out.toLowerCase()).toContain(`content-encoding: ${coding}`);
          expect(one.out.endsWith(page)).toBe(true);
        }
        const none = yield* curl("-i", server.url);
        expect(none.out.toLowerCase()).not.toContain("content-encoding");
      });
    });

    test("forms with files", () => {
      function* handler(request: HttpRequest): Coroutine<HttpResponse> {
        const parts = multipart(request.body, request.headers.get("content-type"));
        const found: unknown[] = [];
        for (;;) {
          const part = yield* parts.next();
          if (part === undefined) return json(found);
          const bytes = yield* part.bytes({ max: 1e7 });
          found.push([part.name, part.filename ?? null, part.type ?? null, bytes.length, sha(bytes).slice(0, 8)]);
        }
      }
      return besideServer({ handler }, function* (server) {
        const sent = yield* curl(
          ...["-F", "name=Zoë", "-F", `doc=@${path("small.txt")}`, "-F", `raw=@${path("big.bin")};filename=a"b.bin`],
          server.url,
        );
        expect(JSON.parse(sent.out)).toEqual([
          ["name", null, null, 4, sha(Buffer.from("Zoë")).slice(0, 8)],
          ["doc", "small.txt", "text/plain", 6, sha(Buffer.from("hello\n")).slice(0, 8)],
          ["raw", expect.stringMatching(/^a.+b\.bin$/), "application/octet-stream", big.length, sha(big).slice(0, 8)],
        ]);
      });
    });

    test("cookies and redirects", () => {
      function* handler(request: HttpRequest): Coroutine<HttpResponse> {
        const { path: where } = request;
        if (where === "/in")
          return redirect("/home", {
            headers: [
              ["set-cookie", "a=1; Path=/; HttpOnly"],
              ["set-cookie", "b=2; Path=/"],
            ],
          });
        if (/^\/30\d$/.test(where)) return redirect("/echo", { status: Number(where.slice(1)) });
        if (where === "/echo") return text(`${request.method} ${yield* request.text()}`);
        return text((request.headers.get("cookie") ?? "no cookie").split("; ").toSorted().join("; "));
      }
      return besideServer({ handler }, function* (server) {
        const { url } = server;
        const jar = ["-c", path("jar"), "-b", path("jar")];
        expect((yield* curl(...jar, "-L", `${url}/in`)).out).toBe("a=1; b=2");
        expect((yield* curl(...jar, `${url}/again`)).out).toBe("a=1; b=2");
        for (const [status, seen] of [
          [301, "GET "],
          [302, "GET "],
          [303, "GET "],
          [307, "POST x=y"],
          [308, "POST x=y"],
        ] as const)
          expect((yield* curl("-L", "-d", "x=y", `${url}/${status}`)).out).toBe(seen);
      });
    });

    test("trailers behind chunks, an answer of nothing, and a refusal of what is no HTTP", () => {
      const handler = (request: HttpRequest): HttpResponse =>
        request.path === "/none"
          ? empty()
          : stream(Flow.from(["body"]), { headers: { trailer: "x-sum" }, trailers: () => ({ "x-sum": "42" }) });
      return besideServer({ handler }, function* (server) {
        const raw = yield* curl("--raw", "-H", "TE: trailers", "-H", "Connection: TE", server.url);
        expect(raw.out).toBe("4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n");
        expect((yield* curl("-D", "-", `${server.url}/none`)).out).toMatch(/^HTTP\/1\.1 204 No Content\r\n/);
        const bad = yield* curl(
          "-H",
          "Content-Length: 3",
          "-H",
          "Transfer-Encoding: chunked",
          "-d",
          "x",
          server.url,
          "-i",
        );
        expect(bad.out).toMatch(/^HTTP\/1\.1 400 /);
        expect((yield* curl("--http2-prior-knowledge", server.url)).status).not.toBe(0);
        expect((yield* curl("--http2", `${server.url}/none`, "-w", "%{http_version} %{http_code}")).out).toBe(
          "1.1 204",
        );
      });
    });

    test("somebody who has heard enough of events ends them", () => {
      const over = new Gate();
      const events = Flow.from(function* (emit: Emit<string>): Coroutine<void> {
        try {
          for (let i = 0; ; i++) yield* emit(`${i} ${"x".repeat(10_000)}`);
        } finally {
          over.open();
        }
      });
      return besideServer({ handler: () => sse(events) }, function* (server) {
        const heard = yield* curl("-N", "--max-filesize", "100000", "-r", "0-100", "--max-time", "1", server.url);
        expect(heard.out).toMatch(/^data: 0 x+\n\ndata: 1 x/);
        yield* over.wait();
        while (server.metrics().connections > 0) yield* sleep(1);
        expect(server.metrics()).toMatchObject({ abandoned: 1, inFlight: 0 });
      });
    });

    test("at a Unix socket", () => {
      const unix = path("ours.sock");
      return besideServer({ handler: echo, unix }, function* () {
        const got = yield* curl(
          "--unix-socket",
          unix,
          "http://anything/a",
          "http://anything/b",
          "-w",
          " %{num_connects} ",
        );
        expect(got.out).toMatch(/"\/a".* 1 .*"\/b".* 0 /);
      });
    });

    test.skipIf(noOpenssl !== undefined)("by TLS: who it trusts, and whom not", () => {
      const { ca, server: own, other, expired, selfSigned } = certificates();
      writeFileSync(path("ca.pem"), ca);
      const ask = (made: { cert: string; key: string }, then: (url: string) => Coroutine<void>): Promise<void> =>
        besideServer({ handler: () => text("secret"), tls: made }, (server) =>
          then(`https://localhost:${server.address.port}/`),
        );
      return ask(own, function* (url) {
        const good = yield* curl(
          "-4",
          "--cacert",
          path("ca.pem"),
          url,
          url,
          "-w",
          " %{num_connects} %{ssl_verify_result} ",
        );
        expect(good.out).toBe("secret 1 0 secret 0 0 ");
        for (const version of ["1.2", "1.3"])
          expect(
            (yield* curl("-4", "--cacert", path("ca.pem"), `--tlsv${version}`, "--tls-max", version, url)).out,
          ).toBe("secret");
        expect((yield* curl("-4", url)).status).toBe(60);
        expect((yield* curl("-4", "-k", url)).out).toBe("secret");
        // Plain HTTP at a port of TLS ends, and harms nobody.
        expect((yield* curl("-4", url.replace("https", "http"))).status).not.toBe(0);
        expect((yield* curl("-4", "--cacert", path("ca.pem"), url)).out).toBe("secret");
      }).then(() =>
        Promise.all(
          [other, expired, selfSigned].map((made) =>
            ask(made, function* (url) {
              expect((yield* curl("-4", "--cacert", path("ca.pem"), url)).status).toBe(60);
            }),
          ),
        ),
      );
    });
  });
}
