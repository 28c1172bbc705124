// Request smuggling: what a proxy and a server read differently, one of two clients can use to speak in the name of the
// other. The classical messages of that sort, through nginx and haproxy (which is also told to let everything through), to
// our server; and through a proxy of ours to a server that takes almost anything.
//
// Each proxy stamps each request that it forwards with a number of its own. So whatever our server sees is a request that the
// proxy meant, or it was smuggled: it has exactly one stamp, no stamp comes twice, and none is in a body. After each attack
// others ask for something through the same connections to the server, and must get that and nothing else.
//
// The messages are those of "HTTP Desync Attacks" (J. Kettle, 2019), "HTTP/1.1 must die" (2025), the TE.TE variants of
// defparam's smuggler, and "Funky chunks" (J. Nygren, 2025).
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type HttpRequest, type HttpResponse, openClient, serve, text } from "@rondo/http";
import { type Coroutine, group, run } from "rondo";
import { describe, expect, test } from "vitest";

import { leavesNothing } from "../../packages/rondo/tests/leaks.ts";
import { exchange, haproxy, lacking, nginx, type Theirs } from "./web.ts";

const hidden = "GET /smuggled HTTP/1.1\r\nHost: site\r\nX-Rest: ";
const whole = "GET /smuggled HTTP/1.1\r\nHost: site\r\n\r\n";
const chunk = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n`;

function post(fields: readonly string[], body: string, version = "1.1"): string {
  return `POST /attack HTTP/${version}\r\nHost: site\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n${body}`;
}

const attacks: [name: string, bytes: string][] = [];
const attack = (name: string, bytes: string): void => void attacks.push([name, bytes]);

// ---- both Content-Length and Transfer-Encoding ----------------------------------------------------------------------
for (const rest of [hidden, whole, "G"]) {
  const short = `0\r\n\r\n${rest}`;
  attack(
    `CL.TE with ${rest.length} bytes behind`,
    post([`Content-Length: ${short.length}`, "Transfer-Encoding: chunked"], short),
  );
  attack(
    `TE.CL with ${rest.length} bytes inside`,
    post(["Transfer-Encoding: chunked", "Content-Length: 4"], `${chunk(rest)}0\r\n\r\n`),
  );
}

// ---- a Transfer-Encoding that only one of them understands ----------------------------------------------------------
for (const field of [
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding:",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
  "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Transfer-Encoding: chunked",
  "X: x\r\n Transfer-Encoding: chunked",
  "X: x\nTransfer-Encoding: chunked",
  "X: x\rTransfer-Encoding: chunked",
  "X: x\0Transfer-Encoding: chunked",
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding:\x0bchunked",
  "Transfer-Encoding: \x0cchunked",
  "Transfer-Encoding: \0chunked",
  "Transfer-Encoding: chunked\x0b",
  "Transfer-Encoding: chunked\r",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding:\n chunked",
  "Transfer-Encoding\r\n: chunked",
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  "Transfer-Encoding: chunKed",
  "Transfer-Encoding: chunked;q=1",
  "Transfer-Encoding: chunked,",
  "Transfer-Encoding: ,chunked",
  "Transfer-Encoding: chunk",
  "Transfer-Encoding: \xa0chunked",
  "Transfer_Encoding: chunked",
  "Transfer-Encod\xefng: chunked",
  "\x01Transfer-Encoding: chunked",
  "Transfer-Encoding;: chunked",
  "Foo: bar\r\n\rTransfer-Encoding: chunked",
]) {
  const short = `0\r\n\r\n${hidden}`;
  attack(`CL.TE by ${JSON.stringify(field)}`, post([`Content-Length: ${short.length}`, field], short));
  attack(`TE.CL by ${JSON.stringify(field)}`, post(["Content-Length: 4", field], `${chunk(whole)}0\r\n\r\n`));
  attack(`only ${JSON.stringify(field)}`, post([field], `${chunk("x")}0\r\n\r\n${whole}`));
}
attack(
  "chunks in HTTP/1.0",
  post(["Transfer-Encoding: chunked", "Connection: keep-alive"], `0\r\n\r\n${whole}`, "1.0"),
);
attack(
  "chunks and a length in HTTP/1.0",
  post(["Content-Length: 5", "Transfer-Encoding: chunked"], `0\r\n\r\n${hidden}`, "1.0"),
);

// ---- lengths --------------------------------------------------------------------------------------------------------
for (const fields of [
  ["Content-Length: 0", `Content-Length: ${whole.length}`],
  [`Content-Length: ${whole.length}`, "Content-Length: 0"],
  [`Content-Length: 0, ${whole.length}`],
  [`Content-Length: ${whole.length}, ${whole.length}`],
  [`Content-Length: +${whole.length}`],
  [`Content-Length: -${whole.length}`],
  [`Content-Length: 0x${whole.length.toString(16)}`],
  [`Content-Length: ${whole.length}.0`],
  [`Content-Length: ${whole.length}e0`],
  [`Content-Length: 0${whole.length}`],
  [`Content-Length: ${whole.length} 0`],
  [`Content-Length: "${whole.length}"`],
  ["Content-Length:"],
  ["Content-Length: 18446744073709551616"],
  [`Content-Length: ${2n ** 64n + BigInt(whole.length)}`],
  [`Content-Length : ${whole.length}`],
  [` Content-Length: ${whole.length}`],
  [`Content_Length: ${whole.length}`],
  [`Content-Length:\r\n ${whole.length}`],
  [`X: x\nContent-Length: ${whole.length}`],
  [`Content-Length\0: ${whole.length}`],
  [`Content-Length: ${whole.length}`, "Expect: y 100-continue"],
  [`Content-Length: ${whole.length}`, "Expect:\n100-continue"],
  [`Content-Length: ${whole.length}`, "Expect: 100-continue"],
  [`Content-Length: ${whole.length}`, "Connection: Content-Length"],
  ["Transfer-Encoding: chunked", "Connection: Transfer-Encoding"],
])
  attack(`a length of ${JSON.stringify(fields.join("; "))}`, post(fields, whole));
for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "get"])
  attack(
    `${method} with a body`,
    `${method} /attack HTTP/1.1\r\nHost: site\r\nContent-Length: ${whole.length}\r\n\r\n${whole}`,
  );

// ---- chunks ---------------------------------------------------------------------------------------------------------
for (const body of [
  `0x5\r\nhello\r\n0\r\n\r\n${whole}`,
  `+5\r\nhello\r\n0\r\n\r\n${whole}`,
  `-1\r\nhello\r\n0\r\n\r\n${whole}`,
  `5 \r\nhello\r\n0\r\n\r\n${whole}`,
  ` 5\r\nhello\r\n0\r\n\r\n${whole}`,
  `5;a=b\nhello\r\n0\r\n\r\n${whole}`,
  `5\nhello\n0\n\n${whole}`,
  `5\rhello\r\n0\r\n\r\n${whole}`,
  `5;\nxx\r\n45\r\n0\r\n\r\n${whole}`,
  `5\r\nhelloX\r\n0\r\n\r\n${whole}`,
  `5\r\nhello0\r\n\r\n${whole}`,
  `5\r\nhello\n0\r\n\r\n${whole}`,
  `5\r\nhelloXX0\r\n\r\n${whole}`,
  `10000000000000005\r\nhello\r\n0\r\n\r\n${whole}`,
  `5;${"e".repeat(5000)}\r\nhello\r\n0\r\n\r\n${whole}`,
  `5;a="\r\n0\r\n\r\n${whole}`,
  `0\r\nContent-Length: ${whole.length}\r\n\r\n${whole}`,
  `0\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
  `0\r\nX: ${whole}`,
  `0\n\n${whole}`,
  `0\r\n\n${whole}`,
  `00000000000\r\n\r\n${whole}`,
  `\r\n0\r\n\r\n${whole}`,
  `zz\r\n0\r\n\r\n${whole}`,
])
  attack(`chunks ${JSON.stringify(body.slice(0, 30))}`, post(["Transfer-Encoding: chunked"], body));

// ---- lines and hosts ------------------------------------------------------------------------------------------------
attack("lines that end in LF", post([], "").replaceAll("\r\n", "\n") + whole);
attack("a head that ends in LF", `GET /attack HTTP/1.1\r\nHost: site\n\n${whole}`);
attack("a head that ends in LF LF within a value", `GET /attack HTTP/1.1\r\nHost: site\r\nX: y\n\n${whole}`);
attack("an early empty line by CR", `GET /attack HTTP/1.1\r\nHost: site\r\nX: y\r\r${whole}`);
attack("obs-fold", `GET /attack HTTP/1.1\r\nHost: site\r\nX: y\r\n GET /smuggled HTTP/1.1\r\n\r\n`);
attack("two hosts", `GET /attack HTTP/1.1\r\nHost: site\r\nHost: other\r\n\r\n${whole}`);
attack("a host in the target", `GET http://other/smuggled HTTP/1.1\r\nHost: site\r\n\r\n`);
attack("a space before the target", `GET  /attack HTTP/1.1\r\nHost: site\r\n\r\n${whole}`);
attack("a target with a line in it", `GET /attack%0d%0aX:%20y HTTP/1.1\r\nHost: site\r\n\r\n${whole}`);
attack("a target with a raw CR in it", `GET /attack\rX HTTP/1.1\r\nHost: site\r\n\r\n${whole}`);
attack("HTTP/0.9", `GET /attack\r\n\r\n${whole}`);
attack("HTTP/1.2", `GET /attack HTTP/1.2\r\nHost: site\r\n\r\n${whole}`);
attack("the preface of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${whole}`);
attack(
  "an upgrade to h2c",
  `GET /attack HTTP/1.1\r\nHost: site\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n${whole}`,
);
attack(
  "an upgrade to a WebSocket of a version that nobody has",
  `GET /attack HTTP/1.1\r\nHost: site\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n\r\n${whole}`,
);
attack("CONNECT", `CONNECT site:80 HTTP/1.1\r\nHost: site:80\r\n\r\n${whole}`);
attack(
  "a stamp of one's own",
  `GET /attack HTTP/1.1\r\nHost: site\r\nX-Stamp: mine\r\nX-Stamp : mine\r\nX_Stamp: mine\r\n\r\n`,
);
attack("a stamp that is to be removed", `GET /attack HTTP/1.1\r\nHost: site\r\nConnection: close, X-Stamp\r\n\r\n`);

/** What our server has seen. */
interface Seen {
  readonly target: string;
  readonly stamps: readonly string[];
  readonly body: string;
}

/**
 * Attacks whoever listens at this path, with somebody else's requests between, and throws where anything was seen that must
 * not be. Gives how many requests of those others there were.
 */
function* besiege(path: string, seen: readonly Seen[]): Coroutine<number> {
  const victim = openClient({ baseUrl: "http://site", unix: path, keepAlive: 60_000 });
  const wrong: unknown[] = [];
  let count = 0;
  const ask = function* (what: string): Coroutine<void> {
    // The server may have closed the connection on which the attack came: what is sent again is no danger.
    const target = `/victim-${count++}`;
    const response = yield* victim.fetch(target, { retry: { attempts: 3, backoff: 1 } });
    const answer = `${response.status} ${yield* response.text()}`;
    if (answer !== `200 you asked for ${target}`) wrong.push([what, target, answer]);
  };
  /** Attacks at once, because a proxy that waits for the rest of a message takes its time to. */
  const together = 16;
  for (let at = 0; at < attacks.length; at += together) {
    yield* group(function* (inner) {
      for (const [what, bytes] of attacks.slice(at, at + together))
        inner.spawn(function* () {
          const said = yield* exchange(path, bytes, 300);
          if (/you asked for \/victim/.test(said)) wrong.push([what, "got a victim's answer", said]);
          yield* ask(what);
        });
    });
    for (let i = 0; i < 4; i++) yield* ask(`after ${attacks[at]![0]} and others`);
  }
  const stamps = seen.flatMap((one) => one.stamps);
  for (const one of seen) {
    if (one.stamps.length !== 1 || one.stamps[0] === "mine") wrong.push(["no stamp, or several", one]);
    if (/x-stamp|victim/i.test(one.body)) wrong.push(["a request in a body", one]);
  }
  expect(wrong).toEqual([]);
  expect(new Set(stamps).size).toBe(stamps.length);
  return count;
}

const stampOfNginx = (at: string): Coroutine<Theirs> =>
  nginx(
    (path) => `
      upstream ours { server ${at} max_fails=0; keepalive 1; }
      server {
        listen ${path}; underscores_in_headers on; ignore_invalid_headers off;
        location / {
          proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Stamp $request_id;
          proxy_request_buffering off; proxy_next_upstream off; proxy_set_header Host $http_host;
        }
      }`,
  );

const stampOfHaproxy =
  (lenient: boolean) =>
  (at: string): Coroutine<Theirs> =>
    haproxy(
      (path) => `
frontend front
  bind ${path}
  timeout client 1s
  ${lenient ? "option accept-invalid-http-request" : ""}
  http-request del-header X-Stamp
  unique-id-format %pid-%rt-%ci:%cp
  unique-id-header X-Stamp
  default_backend ours
backend ours
  http-reuse always
  timeout server 1s
  server ours ${at}`,
    );

for (const [name, program, start] of [
  ["nginx", "nginx", stampOfNginx],
  ["haproxy", "haproxy", stampOfHaproxy(false)],
  ["haproxy that lets through what is invalid", "haproxy", stampOfHaproxy(true)],
] as const) {
  const missing = lacking(program);
  if (missing !== undefined) {
    test(`smuggling through ${name}`, ({ skip }) => skip(missing));
    continue;
  }

  describe(`smuggling through ${name}`, { timeout: 60_000 }, () => {
    test("no request is ever seen that the proxy did not send, nor twice, nor as a part of another one", () =>
      leavesNothing(() =>
        run(() =>
          group(function* (g) {
            const seen: Seen[] = [];
            function* handler(request: HttpRequest): Coroutine<HttpResponse> {
              const stamps = request.headers.getAll("x-stamp");
              const body = new TextDecoder("latin1").decode(yield* request.bytes());
              seen.push({ target: request.target, stamps, body });
              return text(`you asked for ${request.target}`);
            }
            const server = yield* serve({
              ...{ host: "127.0.0.1", port: 0, handler, log: { info: () => {}, error: () => {} } },
              timeouts: { head: 1000, body: 1000 },
            });
            yield* group(function* () {
              const proxy = yield* start(`127.0.0.1:${server.address.port}`);
              const asked = yield* besiege(proxy.path, seen);
              console.log(
                `${attacks.length} attacks through ${name}: ${seen.length - asked} requests of theirs came to the server, ` +
                  `and ${server.metrics().malformed} that it refused`,
              );
            });
            server.stop({ within: 2000 });
            yield* server.ended();
            expect(g.size).toBe(0);
          }),
        ),
      ));
  });
}

/** Between two neighbours only (RFC 9110 section 7.6.1), or written by our client itself. */
const NEIGHBOURS = new Set(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host"]);

describe("smuggling through a proxy of ours", { timeout: 60_000 }, () => {
  test("to a server of node:http that takes what is invalid: nothing but what was asked comes through", () =>
    leavesNothing(async () => {
      const seen: Seen[] = [];
      const origin = createServer({ insecureHTTPParser: true }, (request, response) => {
        let body = "";
        request.setEncoding("latin1").on("data", (part: string) => (body += part));
        request.on("end", () => {
          const { url = "", rawHeaders } = request;
          const stamps = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === "x-stamp");
          seen.push({ target: url, stamps, body });
          response.end(`you asked for ${url}`);
        });
      });
      await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
      const folder = mkdtempSync(join(tmpdir(), "rondo-front-"));
      await run(() =>
        group(function* () {
          const { port } = origin.address() as AddressInfo;
          const client = openClient({ maxPerHost: 2, proxy: null });
          let stamp = 0;
          function* handler(request: HttpRequest): Coroutine<HttpResponse> {
            const fields = [...request.headers].filter(
              ([name]) => !NEIGHBOURS.has(name) && name !== "content-length" && name !== "x-stamp",
            );
            const response = yield* client.fetch(`http://127.0.0.1:${port}${request.path}`, {
              method: request.method,
              headers: [...fields, ["x-stamp", String(++stamp)]],
              body: request.length === 0 ? null : request.body,
              redirect: "manual",
              raw: true,
            });
            return text(yield* response.text(), { status: response.status });
          }
          const unix = join(folder, "front.sock");
          const front = yield* serve({
            ...{ unix, handler, log: { info: () => {}, error: () => {} } },
            timeouts: { head: 1000, body: 1000 },
          });
          const asked = yield* besiege(unix, seen);
          console.log(
            `${attacks.length} attacks through a proxy of ours: ${seen.length - asked} requests of theirs were passed on, ` +
              `and ${front.metrics().malformed} refused`,
          );
          front.stop({ within: 2000 });
        }),
      );
      rmSync(folder, { recursive: true });
      origin.closeAllConnections();
      await new Promise((resolve) => origin.close(resolve));
    }));
});
