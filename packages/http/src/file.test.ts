import { group, run } from "rondo";
import { memoryPair } from "rondo/net";
import { changeMode, makeDir, makeLink, temporaryDir, writeFile } from "rondo/os";
import { describe, expect, test } from "vitest";
import { ResponseParser } from "./response-parser.ts";
import { compressed } from "./compression.ts";
import { decoded } from "./coding.ts";
import { file, type FileOptions, files, type FilesOptions } from "./file.ts";
import type { HttpRequest } from "./request.ts";
import { bytes, empty, HttpResponse, text } from "./response.ts";
import { serveStream } from "./server.ts";
import { DATA, END, HEAD } from "./parser.ts";
import { Flow, type Operation } from "rondo";

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Asks a handler one thing, over a stream, and reads the answer to its end. */
function* ask(
  handler: (request: HttpRequest) => Operation<HttpResponse> | HttpResponse,
  path: string,
  fields: Record<string, string> = {},
  method = "GET",
): Generator<any, Answer, any> {
  return yield* group(function* (g): Generator<any, Answer, any> {
    const [client, server] = memoryPair();
    g.spawn(serveStream(server, handler as never));
    const lines = Object.entries({ Host: "a", Connection: "close", ...fields }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    yield* client.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    const parser = new ResponseParser();
    parser.expect(method);
    const body: Buffer[] = [];
    let answer: Answer | undefined;
    for (;;) {
      const event = parser.next();
      if (event === HEAD) {
        const { status, headers } = parser.head;
        answer = { status, headers: Object.fromEntries(headers), body: Buffer.alloc(0) };
      } else if (event === DATA) body.push(Buffer.from(parser.data.slice()));
      else if (event === END) {
        yield* client.close();
        return { ...(answer as Answer), body: Buffer.concat(body) };
      } else {
        const piece = yield* client.read();
        if (piece === undefined) parser.finish();
        else parser.push(piece);
      }
    }
  });
}

const LARGE = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, i) => Math.imul(i, 2654435761) >>> 24));

/** A folder with a few files; what the test says is done in it. */
function inFolder(body: (root: string) => Generator<any, void, any>): Promise<void> {
  return run(function* () {
    const root = yield* temporaryDir();
    yield* writeFile(`${root}/a.txt`, "0123456789");
    yield* writeFile(`${root}/large.bin`, LARGE);
    yield* writeFile(`${root}/empty`, "");
    yield* writeFile(`${root}/.secret`, "hidden");
    yield* makeDir(`${root}/sub`);
    yield* writeFile(`${root}/sub/index.html`, "<p>index");
    yield* writeFile(`${root}/sub/é ü.json`, "{}");
    yield* body(root);
  });
}

const one = (path: string, options?: FileOptions) => (request: HttpRequest) => file(request, path, options);

describe("a file as an answer", () => {
  test("comes whole, with its type, length, version and date", async () => {
    await inFolder(function* (root) {
      const answer = yield* ask(one(`${root}/a.txt`), "/");
      expect(answer).toMatchObject({
        status: 200,
        headers: { "content-type": "text/plain; charset=utf-8", "content-length": "10", "accept-ranges": "bytes" },
      });
      expect(answer.headers["etag"]).toMatch(/^"[0-9a-f-]+"$/);
      expect(answer.headers["last-modified"]).toMatch(/GMT$/);
      expect(answer.body.toString()).toBe("0123456789");
    });
  });

  test("may be large, empty, or only asked about", async () => {
    await inFolder(function* (root) {
      const large = yield* ask(one(`${root}/large.bin`), "/");
      expect(large.headers["content-length"]).toBe("700000");
      expect(Buffer.compare(large.body, LARGE)).toBe(0);
      expect((yield* ask(one(`${root}/empty`), "/")).headers["content-length"]).toBe("0");
      const head = yield* ask(one(`${root}/large.bin`), "/", {}, "HEAD");
      expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "700000", 0]);
    });
  });

  test("is not sent again to those who have it, by its version or by its date", async () => {
    await inFolder(function* (root) {
      const first = yield* ask(one(`${root}/a.txt`, { cache: "no-cache" }), "/");
      for (const fields of [
        { "If-None-Match": first.headers["etag"] as string },
        { "If-Modified-Since": first.headers["last-modified"] as string },
      ]) {
        const again = yield* ask(one(`${root}/a.txt`, { cache: "no-cache" }), "/", fields);
        expect([again.status, again.body.length, again.headers["cache-control"]]).toEqual([304, 0, "no-cache"]);
      }
      yield* writeFile(`${root}/a.txt`, "other");
      const changed = yield* ask(one(`${root}/a.txt`), "/", { "If-None-Match": first.headers["etag"] as string });
      expect([changed.status, changed.body.toString()]).toEqual([200, "other"]);
      expect((yield* ask(one(`${root}/a.txt`), "/", { "If-Match": '"x"' })).status).toBe(412);
    });
  });

  test("comes in the part that was asked for", async () => {
    await inFolder(function* (root) {
      const part = yield* ask(one(`${root}/a.txt`), "/", { Range: "bytes=2-4" });
      expect(part).toMatchObject({ status: 206, headers: { "content-range": "bytes 2-4/10", "content-length": "3" } });
      expect(part.body.toString()).toBe("234");
      const large = yield* ask(one(`${root}/large.bin`), "/", { Range: "bytes=100000-399999" });
      expect(Buffer.compare(large.body, LARGE.subarray(100_000, 400_000))).toBe(0);
      const behind = yield* ask(one(`${root}/a.txt`), "/", { Range: "bytes=10-" });
      expect(behind).toMatchObject({ status: 416, headers: { "content-range": "bytes */10" } });
      const stale = yield* ask(one(`${root}/a.txt`), "/", { Range: "bytes=2-4", "If-Range": '"old"' });
      expect([stale.status, stale.body.toString()]).toEqual([200, "0123456789"]);
    });
  });

  test("comes in several parts at once, each with its place", async () => {
    await inFolder(function* (root) {
      const answer = yield* ask(one(`${root}/a.txt`), "/", { Range: "bytes=8-,0-1" });
      const boundary = /boundary=(.+)$/.exec(answer.headers["content-type"] as string)?.[1] as string;
      expect(answer.status).toBe(206);
      expect(answer.body.toString()).toBe(
        `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n` +
          `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--${boundary}--\r\n`,
      );
      expect(Number(answer.headers["content-length"])).toBe(answer.body.length);
    });
  });

  test("that was changed between the look and the reading is broken off, and never mixed with its new version", async () => {
    await inFolder(function* (root) {
      let failure: unknown;
      try {
        yield* ask(function* (request) {
          const response = yield* file(request, `${root}/large.bin`);
          yield* writeFile(`${root}/large.bin`, new Uint8Array(LARGE.length));
          return response;
        }, "/");
      } catch (error) {
        failure = error;
      }
      expect(String(failure)).toMatch(/ends|ended|reset|closed/);
    });
  });

  test("is saved under the name that is given, in whatever letters", async () => {
    await inFolder(function* (root) {
      const { headers } = yield* ask(one(`${root}/a.txt`, { download: 'a "ü".txt' }), "/");
      expect(headers["content-disposition"]).toBe(
        `attachment; filename="a ___.txt"; filename*=UTF-8''a%20%22%C3%BC%22.txt`,
      );
    });
  });

  test("is only read: other methods are refused", async () => {
    await inFolder(function* (root) {
      expect(yield* ask(one(`${root}/a.txt`), "/", { "Content-Length": "0" }, "POST")).toMatchObject({
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    });
  });

  test("that is not there is a 404, a folder too, and what may not be read a 403", async (context) => {
    await inFolder(function* (root) {
      expect((yield* ask(one(`${root}/none`), "/")).status).toBe(404);
      expect((yield* ask(one(`${root}/a.txt/none`), "/")).status).toBe(404);
      expect((yield* ask(one(`${root}/sub`), "/")).status).toBe(404);
    });
    if (process.getuid?.() === 0) context.skip("root may read everything");
    await inFolder(function* (root) {
      yield* changeMode(`${root}/a.txt`, 0);
      expect((yield* ask(one(`${root}/a.txt`), "/")).status).toBe(403);
    });
  });
});

describe("a folder of files", () => {
  const get = (root: string, path: string, options?: FilesOptions) => ask(files(root, options), path);

  test("shows its files, with the index for a folder", async () => {
    await inFolder(function* (root) {
      expect((yield* get(root, "/a.txt?x=1")).body.toString()).toBe("0123456789");
      expect((yield* get(root, "/sub/")).body.toString()).toBe("<p>index");
      expect((yield* get(root, "/sub/%C3%A9%20%C3%BC.json")).headers["content-type"]).toBe(
        "application/json; charset=utf-8",
      );
      const moved = yield* get(root, "/sub?x=1");
      expect([moved.status, moved.headers["location"]]).toEqual([308, "/sub/?x=1"]);
      expect((yield* get(root, "//sub")).headers["location"]).toBe("/sub/");
      expect((yield* get(root, "/sub/", { index: null })).status).toBe(404);
      expect((yield* get(root, "/a.txt/")).status).toBe(404);
    });
  });

  test("may stand under a prefix", async () => {
    await inFolder(function* (root) {
      expect((yield* get(root, "/static/a.txt", { prefix: "/static" })).status).toBe(200);
      expect((yield* get(root, "/a.txt", { prefix: "/static" })).status).toBe(404);
      expect((yield* get(root, "/statica.txt", { prefix: "/static" })).status).toBe(404);
    });
  });

  test.each([
    "/../a.txt",
    "/sub/../../outside",
    "/%2e%2e/outside",
    "/%2E%2E%2Foutside",
    "/..%5coutside",
    "/sub%00.txt",
    "/%",
    "/%ff",
    "/.secret",
    "/sub/.%2f/../.secret",
    "/link-out",
    "/folder-out/outside",
  ])("shows nothing for %s", async (path) => {
    await inFolder(function* (root) {
      const outside = yield* temporaryDir();
      yield* writeFile(`${outside}/outside`, "outside");
      yield* makeLink(`${outside}/outside`, `${root}/link-out`);
      yield* makeLink(outside, `${root}/folder-out`);
      expect((yield* get(root, path)).status).toBe(404);
    });
  });

  test("follows links that stay inside, and shows names with a dot where that is wanted", async () => {
    await inFolder(function* (root) {
      yield* makeLink("a.txt", `${root}/link`);
      expect((yield* get(root, "/link")).body.toString()).toBe("0123456789");
      expect((yield* get(root, "/.secret", { dotfiles: true })).body.toString()).toBe("hidden");
    });
  });
});

describe("compressed answers", () => {
  const long = "hello, compressed world. ".repeat(200);
  const fetched = (
    handler: () => HttpResponse,
    fields: Record<string, string> = { "Accept-Encoding": "gzip" },
    method = "GET",
  ) => run(() => ask(compressed(handler), "/", fields, method));
  const unpacked = (answer: Answer) =>
    run(function* () {
      return Buffer.concat(
        yield* decoded(Flow.from([answer.body as Uint8Array]), answer.headers["content-encoding"]).toArray(),
      ).toString();
    });

  test("come in the coding that the client likes best, with their new length", async () => {
    for (const coding of ["gzip", "br", "zstd", "deflate"]) {
      const answer = await fetched(() => text(long, { headers: { ETag: '"v"', Vary: "Origin" } }), {
        "Accept-Encoding": coding,
      });
      expect(answer.headers).toMatchObject({
        "content-encoding": coding,
        vary: "Origin, Accept-Encoding",
        etag: 'W/"v"',
      });
      expect(Number(answer.headers["content-length"])).toBe(answer.body.length);
      expect(answer.body.length).toBeLessThan(200);
      expect(await unpacked(answer)).toBe(long);
    }
  });

  test("come as they are to those who take nothing else, but say that it depends", async () => {
    for (const fields of [{}, { "Accept-Encoding": "identity" }, { "Accept-Encoding": "compress" }] as Record<
      string,
      string
    >[]) {
      const answer = await fetched(() => text(long), fields);
      expect(answer.headers["content-encoding"]).toBeUndefined();
      expect(answer.headers["vary"]).toBe("Accept-Encoding");
      expect(answer.body.toString()).toBe(long);
    }
  });

  test("are left alone where it is not worth it, or not allowed", async () => {
    for (const response of [
      () => text("short"),
      () => bytes(new Uint8Array(10_000)),
      () => text(long, { headers: { "Content-Encoding": "x" } }),
      () => text(long, { headers: { "Cache-Control": "public, no-transform" } }),
      () => text(long, { status: 206 }),
      () => empty(),
    ]) {
      const answer = await fetched(response);
      expect(answer.headers["vary"]).toBeUndefined();
    }
  });

  test("of a flow, of much text, and of a web stream come whole", async () => {
    const much = long.repeat(100);
    for (const make of [
      () => new HttpResponse(Flow.from([long, long]), { headers: { "Content-Type": "text/plain" } }),
      () => text(much),
      () => new HttpResponse(new Response(long).body, { headers: { "Content-Type": "text/plain" } }),
    ]) {
      const answer = await fetched(make);
      expect(answer.headers["content-encoding"]).toBe("gzip");
      expect([long, long + long, much]).toContain(await unpacked(answer));
    }
  });

  test("that are only asked about have no body", async () => {
    const answer = await fetched(() => text(long), { "Accept-Encoding": "gzip" }, "HEAD");
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(answer.body.length).toBe(0);
  });
});
