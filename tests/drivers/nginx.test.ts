// Our client, and nginx as the server: what the web's commonest server does to those who ask it.
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { type Client, openClient } from "@rondo/http";
import { BrokenError, type Coroutine, Flow, group, run, sleep } from "rondo";
import { describe, expect, test } from "vitest";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { lacking, nginx } from "./web.ts";

const missing = lacking("nginx");
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const big = randomBytes(8 * 1024 * 1024 + 13);
const page = "<p>the same words again, and again</p>\n".repeat(2000);

/** Runs `body` with a client whose server is nginx with these settings, and files to serve. */
function asking(settings: string, body: (client: Client, path: string) => Coroutine<void>): Promise<void> {
  return leavesNothing(() =>
    run(() =>
      group(function* () {
        const server = yield* nginx((path, folder) => {
          mkdirSync(join(folder, "www"));
          writeFileSync(join(folder, "www", "big.bin"), big);
          writeFileSync(join(folder, "www", "page.html"), page);
          return `server { listen ${path}; root ${folder}/www; ${settings} }`;
        });
        const client = openClient({ baseUrl: "http://origin", unix: server.path, retry: { attempts: 1 } });
        yield* body(client, server.path);
      }),
    ),
  );
}

/** How many connections a client has to its server. */
const idle = (client: Client): number => Object.values(client.statistics()).reduce((sum, one) => sum + one.idle, 0);

if (missing !== undefined) {
  test("nginx as the server", ({ skip }) => skip(missing));
} else {
  describe("nginx as the server", { timeout: 30_000 }, () => {
    test("files: whole, in ranges, only where they have changed, and only their heads", () =>
      asking("", function* (client) {
        const whole = yield* client.fetch("/big.bin");
        expect(whole).toMatchObject({ status: 200, length: big.length });
        const etag = whole.headers.get("etag") as string;
        expect(sha(yield* whole.bytes())).toBe(sha(big));
        for (const [range, from, to] of [
          ["bytes=0-9", 0, 10],
          ["bytes=-7", big.length - 7, big.length],
          ["bytes=100000-", 100_000, big.length],
        ] as const) {
          const part = yield* client.fetch("/big.bin", { headers: { range } });
          expect(part.status).toBe(206);
          expect(Buffer.compare(yield* part.bytes(), big.subarray(from, to))).toBe(0);
        }
        expect((yield* client.fetch("/big.bin", { headers: { range: "bytes=99999999-" } })).status).toBe(416);
        const same = yield* client.fetch("/big.bin", { headers: { "if-none-match": etag } });
        expect([same.status, (yield* same.bytes()).length]).toEqual([304, 0]);
        const head = yield* client.fetch("/big.bin", { method: "HEAD" });
        expect([head.status, head.headers.get("content-length")]).toEqual([200, String(big.length)]);
        expect(yield* head.bytes()).toHaveLength(0);
        expect((yield* client.fetch("/nothing")).status).toBe(404);
        // All of it on one connection.
        expect(client.statistics()).toMatchObject({ "http://origin": { idle: 1, lent: 0 } });
      }));

    test("what it compresses is what it was, or comes as it is", () =>
      asking("gzip on; gzip_types text/html; gzip_min_length 100;", function* (client) {
        const read = yield* client.fetch("/page.html");
        expect(read.headers.get("content-encoding")).toBe("gzip");
        expect(yield* read.text()).toBe(page);
        const raw = yield* client.fetch("/page.html", { raw: true });
        expect(gunzipSync(yield* raw.bytes()).toString()).toBe(page);
        const plain = yield* client.fetch("/page.html", { headers: { "accept-encoding": "identity" } });
        expect(plain.headers.has("content-encoding")).toBe(false);
        expect(yield* plain.text()).toBe(page);
      }));

    test("connections that it closes after a few requests, or of which it says so, are replaced, and no request is lost", () =>
      asking("keepalive_requests 3;", function* (client) {
        for (let i = 0; i < 20; i++) expect(yield* (yield* client.fetch("/page.html")).text()).toBe(page);
        yield* group(function* (g) {
          const tasks = Array.from({ length: 40 }, () =>
            g.spawn(function* () {
              return yield* (yield* client.fetch("/page.html")).text();
            }),
          );
          for (const task of tasks) expect(yield* task).toBe(page);
        });
      }));

    test("connections that it has closed while nobody used them are not used", () =>
      asking("keepalive_timeout 1s; location = /status { stub_status; }", function* (client, path) {
        const observer = openClient({ baseUrl: "http://origin", unix: path });
        for (let round = 0; round < 2; round++) {
          const put = yield* client.fetch("/page.html", { method: "POST", body: "not twice" });
          expect(put.status).toBe(405);
          yield* put.bytes();
          expect(idle(client)).toBe(1);
          // Only the observer is left.
          for (;;) {
            const status = yield* (yield* observer.fetch("/status", { keepAlive: false })).text();
            if (status.startsWith("Active connections: 1 ")) break;
            yield* sleep(20);
          }
        }
      }));

    test("what is sent up arrives: with a length, in chunks, after a question", () =>
      asking("dav_methods PUT; client_max_body_size 20m; create_full_put_path on;", function* (client) {
        const pieces = (): Flow<Uint8Array> =>
          Flow.from(
            (function* (): Generator<Uint8Array, void> {
              for (let at = 0; at < big.length; at += 10_000) yield big.subarray(at, at + 10_000);
            })(),
          );
        for (const [path, options] of [
          ["/up/known", { body: big }],
          ["/up/chunks", { body: pieces() }],
          ["/up/asked", { body: big, expectContinue: 5000 }],
          ["/up/chunks-asked", { body: pieces(), expectContinue: 5000 }],
        ] as const) {
          const put = yield* client.fetch(path, { method: "PUT", ...options });
          expect([path, put.status]).toEqual([path, 201]);
          put.close();
          expect(sha(yield* (yield* client.fetch(path)).bytes())).toBe(sha(big));
        }
      }));

    test("what is too large for it is refused, and the refusal is heard though there was more to send", () =>
      asking("dav_methods PUT; client_max_body_size 10k;", function* (client) {
        for (const options of [
          { body: big },
          { body: Flow.from([big.subarray(0, 100_000), big, big]) },
          { body: big, expectContinue: 5000 },
        ]) {
          const response = yield* client.fetch("/up", { method: "PUT", ...options });
          expect(response.status).toBe(413);
          yield* response.bytes();
        }
        expect(yield* (yield* client.fetch("/page.html")).text()).toBe(page);
      }));

    test("redirects are followed, and an end without an answer is an error", () =>
      asking("location = /old { return 301 /page.html; } location = /gone { return 444; }", function* (client) {
        const found = yield* client.fetch("/old");
        expect([found.status, found.redirected, yield* found.text()]).toEqual([200, true, page]);
        let error: unknown;
        try {
          yield* client.fetch("/gone");
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toBeInstanceOf(BrokenError);
        expect((yield* client.fetch("/page.html")).status).toBe(200);
      }));

    test("an answer that is given up in the middle leaves the client and it as they were", () =>
      asking("", function* (client) {
        for (let i = 0; i < 5; i++) {
          const response = yield* client.fetch("/big.bin");
          expect((yield* response.body.next())?.length).toBeGreaterThan(0);
          response.close();
        }
        expect(idle(client)).toBe(0);
        expect(sha(yield* (yield* client.fetch("/big.bin")).bytes())).toBe(sha(big));
      }));
  });
}
