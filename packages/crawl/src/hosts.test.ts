// Hosts that answer as no host should: each is one source's clear error, or is read as far as it goes, and all of them are
// asked in one run beside a good one, which none of them stops. Over real sockets; nothing is said about how long it takes.

import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { openClient } from "@rondo/http";
import { run } from "rondo";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificates, type Made, noOpenssl } from "../../rondo/tests/certificates.ts";
import { feed } from "../tests/web.ts";
import { News, type NewsOptions, type Outcome, parseSource } from "./index.ts";

type Behaviour = Buffer | string | ((socket: Socket) => void);

/** A server of raw bytes: what it does when `/NAME` is asked for is what stands under that name. */
async function rawServer(behaviours: Readonly<Record<string, Behaviour>>): Promise<Server & { url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (request) => {
      const name = /^GET \/(\S*)/.exec(request.toString("latin1"))?.[1] ?? "";
      const behaviour = behaviours[decodeURIComponent(name)] ?? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
      if (typeof behaviour === "function") behaviour(socket);
      else socket.write(behaviour);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function download(urls: readonly string[], options: NewsOptions = {}): Promise<Map<string, Outcome>> {
  const news = new News(
    urls.map((url) => parseSource(url)),
    { allowPrivate: true, perHost: 100, tries: 1, ...options },
  );
  await run(() => news.work());
  return new Map(
    news.outcomes.map((outcome) => [decodeURIComponent(new URL(outcome.source.url).pathname.slice(1)), outcome]),
  );
}

const FEED = Buffer.from(feed("Good", "All is well"));
const LONG = Buffer.from(
  feed("Long").replace("</item>", `</item>${"<item><title>some words</title></item>".repeat(500)}`),
);

function answer(headers: readonly string[], body: Uint8Array | string = FEED, length = body.length): Buffer {
  const lines = ["HTTP/1.1 200 OK", ...headers, ...(length < 0 ? [] : [`Content-Length: ${length}`]), "", ""];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), Buffer.from(body)]);
}
const coded = (coding: string, body: Uint8Array): Buffer => answer([`Content-Encoding: ${coding}`], body);
const ends = (bytes: Buffer | string) => (socket: Socket) => void socket.end(bytes);
/** Sends for ever, as fast as it is read. */
const endless = (first: string, more: string | Buffer) => (socket: Socket) => {
  socket.write(first);
  const on = (): void => {
    while (!socket.destroyed && socket.write(more));
  };
  socket.on("drain", on);
  on();
};

const gzip = gzipSync(LONG);
const broken = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length + at] = (copy.at(at) as number) ^ 0xff;
  return copy;
};
/** Ten thousand million bytes in a few thousand: many times the same member of a gzip, packed once more. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(2 ** 25, "boom "));
  return gzipSync(Buffer.concat([gzipSync("<html><title>Bomb</title>"), ...Array.from({ length: 300 }, () => member)]));
}

const read = (title: string, more: object = {}): object => ({ ok: true, kind: "rss", title, ...more });
const failed = (kind: string, message: string, cause?: string): object => ({
  ok: false,
  failure: {
    kind,
    message: expect.stringContaining(message),
    ...(cause === undefined ? {} : { cause: expect.stringContaining(cause) }),
  },
});
const NO_HTTP = "does not answer in HTTP";
const BROKEN = "broke the connection off";

/** What a server does, and what becomes of it. */
const HOSTS: Readonly<Record<string, readonly [does: Behaviour, outcome: object]>> = {
  "a good one": [answer([]), read("Good")],

  "a body shorter than announced": [
    ends(answer([], FEED, FEED.length + 100)),
    failed("connection", `${BROKEN} before the end it announced`, "100 bytes before the end"),
  ],
  "a body longer than announced": [
    answer([], LONG, 300),
    read("Long", { notes: [expect.stringContaining("malformed")] }),
  ],
  "a negative length": [answer(["Content-Length: -5"], FEED, -1), failed("protocol", NO_HTTP, "Content-Length")],
  "a length that is no number": [
    answer(["Content-Length: many"], FEED, -1),
    failed("protocol", NO_HTTP, "Content-Length"),
  ],
  "a length beyond all numbers": [
    answer([`Content-Length: ${"9".repeat(40)}`], FEED, -1),
    failed("protocol", NO_HTTP, "Content-Length"),
  ],
  "two lengths": [answer(["Content-Length: 7"]), failed("protocol", NO_HTTP, "Content-Length is both")],
  "a length and chunks": [
    answer(["Transfer-Encoding: chunked"], "0\r\n\r\n"),
    failed("protocol", NO_HTTP, "both Content-Length and"),
  ],
  "chunks without a size": [
    answer(["Transfer-Encoding: chunked"], "some\r\n", -1),
    failed("protocol", NO_HTTP, "chunk"),
  ],
  "chunks without an end": [
    ends(answer(["Transfer-Encoding: chunked"], "5\r\n<rss>\r\n", -1)),
    failed("connection", BROKEN),
  ],
  "no length at all": [ends(answer([], FEED, -1)), read("Good")],
  "HTTP/1.0": [ends(`HTTP/1.0 200 OK\r\n\r\n${FEED.toString()}`), read("Good")],

  "a coding of yesterday's": [coded("x-gzip", gzip), read("Long")],
  "gzip in gzip": [coded("gzip, gzip", gzipSync(gzip)), read("Long")],
  "br in deflate": [coded("br, deflate", deflateSync(brotliCompressSync(LONG))), read("Long")],
  "deflate without its wrapping": [coded("deflate", deflateRawSync(LONG)), read("Long")],
  zstd: [coded("zstd", zstdCompressSync(LONG)), read("Long")],
  "a coding called identity": [coded("identity", FEED), read("Good")],
  "a coding that nobody knows": [
    coded("x-rot13", FEED),
    failed("protocol", 'cannot be unpacked: the content coding "rot13" is not known'),
  ],
  "a charset for a coding": [coded("utf-8", FEED), failed("protocol", "cannot be unpacked")],
  "twenty codings": [
    coded(Array.from({ length: 20 }, () => "gzip").join(), gzip),
    failed("protocol", "cannot be unpacked: the body has more than 4"),
  ],
  "plain text for gzip": [
    coded("gzip", FEED),
    failed("protocol", "not compressed as its header says", "incorrect header check"),
  ],
  "gzip for br": [coded("br", gzip), failed("protocol", "not compressed as its header says")],
  "half of a gzip": [
    coded("gzip", gzip.subarray(0, gzip.length / 2)),
    failed("connection", "breaks off in the middle of what is compressed"),
  ],
  "a gzip with a wrong sum": [
    coded("gzip", broken(gzip, -6)),
    failed("protocol", "not compressed as its header says", "incorrect data check"),
  ],
  "a gzip that nobody announced": [answer([], gzip), failed("not-text", "this is a gzip file")],
  "a bomb in a bomb": [coded("gzip, gzip", bomb()), { ok: true, cut: true, title: "Bomb" }],

  "a body without an end": [
    endless(answer(["Content-Type: text/html"], "<html><title>Endless</title>", -1).toString(), "word ".repeat(10_000)),
    { ok: true, cut: true, title: "Endless" },
  ],
  "a body without an end, in chunks": [
    endless(
      answer(["Transfer-Encoding: chunked"], "6\r\n<html>\r\n", -1).toString(),
      `fa0\r\n${"word ".repeat(800)}\r\n`,
    ),
    { ok: true, cut: true, kind: "page" },
  ],
  "headers without an end": [
    endless("HTTP/1.1 200 OK\r\n", `X-A: ${"b".repeat(1000)}\r\n`),
    failed("protocol", "sends more than can be taken: the head of the response is longer than"),
  ],
  "a header without an end": [
    endless("HTTP/1.1 200 OK\r\nX-A: ", "b".repeat(1000)),
    failed("protocol", "sends more than can be taken"),
  ],
  "a thousand headers": [
    answer(Array.from({ length: 1000 }, (_, at) => `X-${at}: y`)),
    failed("protocol", "sends more than can be taken: there are more than"),
  ],
  "interim answers without an end": [
    endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
    failed("protocol", NO_HTTP, "interim"),
  ],

  "HTTP/0.9": [ends(FEED), failed("protocol", NO_HTTP, 'begins with "<"')],
  "HTTP/2": [Buffer.from([0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]), failed("protocol", NO_HTTP)],
  junk: [Buffer.from([1, 2, 3, 0, 255, 254, 13, 10]), failed("protocol", NO_HTTP)],
  ICY: ["ICY 200 OK\r\n\r\n", failed("protocol", NO_HTTP)],
  "a status that is none": ["HTTP/1.1 99 Odd\r\n\r\n", failed("protocol", NO_HTTP, "status")],
  "a status that nobody knows": [
    "HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n",
    failed("status", "answers HTTP 999 Denied"),
  ],
  "another protocol": ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", failed("status", "answers HTTP 101")],
  "a head that breaks off": [ends("HTTP/1.1 200 OK\r\nContent-Ty"), failed("connection", BROKEN, "in its head")],
  "no answer at all": [ends(""), failed("connection", BROKEN, "without an answer")],
  "a reset": [(socket) => void socket.resetAndDestroy(), failed("connection", BROKEN)],
  "a reset in the body": [
    (socket) => void socket.write(answer([], "<rss>", 100), () => setImmediate(() => socket.resetAndDestroy())),
    failed("connection", BROKEN),
  ],
  "control characters in a header": [answer(["X-A: a\u0001b"]), failed("protocol", NO_HTTP, "control character")],

  "a body that is binary": [
    answer(["Content-Type: application/rss+xml"], Buffer.alloc(5000, 0xab)),
    failed("unknown-document", ""),
  ],
  "an error page with a 200 for feed.xml": [
    answer(["Content-Type: application/xml+rss"], "<html><title>404 Not Found</title>"),
    failed("unknown-document", "an error page that says it is none"),
  ],
};

describe("in one run", () => {
  let server: Server;
  let outcomes: Map<string, Outcome>;
  const names = Object.keys(HOSTS);

  beforeAll(async () => {
    const raw = await rawServer(Object.fromEntries(Object.entries(HOSTS).map(([name, [does]]) => [name, does])));
    server = raw;
    outcomes = await download(
      names.map((name) => `${raw.url}/${encodeURIComponent(name)}`),
      { timeout: 60_000 },
    );
  }, 90_000);
  afterAll(async () => {
    // Every connection is closed by the side that read it: else this waits for ever.
    server.close();
    await once(server, "close");
  });

  test.each(names)("%s", (name) => {
    expect(outcomes.get(name)).toMatchObject(HOSTS[name]?.[1] as object);
    expect(outcomes.get(name)?.bytes).toBeLessThan(6_000_000);
  });
});

test("a server that sends its head byte by byte is given up at its deadline", async () => {
  const server = await rawServer({
    slow: (socket) => {
      const head = "HTTP/1.1 200 OK\r\nX-A: ";
      let at = 0;
      const timer = setInterval(() => socket.write(head[at++] ?? "a"), 5);
      socket.on("close", () => clearInterval(timer));
    },
    good: answer([]),
  });
  const outcomes = await download([`${server.url}/slow`, `${server.url}/good`], { timeout: 300 });
  expect(outcomes.get("slow")).toMatchObject(failed("timeout", "no answer within 300 ms"));
  expect(outcomes.get("good")).toMatchObject(read("Good"));
  server.close();
  await once(server, "close");
});

test(
  "the connection of a body without an end is closed at the limit, while the run goes on",
  { tags: ["long"] },
  async () => {
    // The other one is answered when the endless one has been closed, and never if it is not.
    const closed = Promise.withResolvers<void>();
    const send = endless(
      answer(["Content-Type: text/html"], "<html><title>Endless</title>", -1).toString(),
      "word ".repeat(10_000),
    );
    const server = await rawServer({
      endless: (socket) => {
        socket.on("close", () => closed.resolve());
        send(socket);
      },
      late: (socket) => void closed.promise.then(() => socket.write(answer([]))),
    });
    const outcomes = await download([`${server.url}/endless`, `${server.url}/late`]);
    expect(outcomes.get("endless")).toMatchObject({ ok: true, cut: true });
    expect(outcomes.get("late")).toMatchObject(read("Good"));
    server.close();
    await once(server, "close");
  },
);

describe.skipIf(noOpenssl !== undefined)("a certificate", () => {
  async function askedOf(who: Made, trusted: string | undefined): Promise<Outcome | undefined> {
    const server = createTlsServer(who, (_request, response) => response.end(feed("Secure"))).listen(0, "localhost");
    await once(server, "listening");
    const news = new News([parseSource(`https://localhost:${(server.address() as AddressInfo).port}/`)], {
      tries: 2,
      *fetch(url, options) {
        const client = openClient({ tls: trusted === undefined ? {} : { ca: trusted } });
        return yield* client.fetch(url, options);
      },
    });
    await run(() => news.work());
    server.close();
    return news.outcomes[0];
  }

  test.each([
    ["server", "that is good is taken", read("Secure")],
    ["expired", "that is over is refused as that", failed("tls", "has expired")],
    ["future", "that is not valid yet is refused as that", failed("tls", "is not valid yet")],
    ["other", "for another name is refused as that", failed("tls", "is for another name", "other.test")],
    ["selfSigned", "signed by itself is refused as that", failed("tls", "is signed by itself")],
    [
      "stranger",
      "of an unknown authority is refused as that",
      failed("tls", "an authority that this machine does not"),
    ],
  ] as const)("(%s) %s", async (which, _, outcome) => {
    const made = certificates();
    expect(await askedOf(made[which], made.ca)).toMatchObject({ tries: 1, ...outcome });
  });

  test("of an authority that only its owner trusts is refused as that", async () => {
    const outcome = await askedOf(certificates().server, undefined);
    expect(outcome).toMatchObject(failed("tls", "an authority that this machine does not trust"));
  });
});

test("a redirect is followed neither to another scheme, nor to where nobody can be, nor without end", async () => {
  const to = (location: string): string => `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
  const chain = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`chain${at}`, to(`/chain${at + 1}`)]));
  const server = await rawServer({
    ...chain,
    file: to("file:///etc/passwd"),
    javascript: to("javascript:alert(1)"),
    nowhere: to("http://"),
    circle: to("/circle"),
    empty: to(""),
  });
  const names = ["file", "javascript", "nowhere", "circle", "chain0", "empty"];
  const outcomes = await download(names.map((name) => `${server.url}/${name}`));
  expect(names.map((name) => outcomes.get(name))).toMatchObject([
    failed("redirect", "redirected to file:, and only http and https can be downloaded"),
    failed("redirect", "redirected to javascript:, and only"),
    failed("redirect", "redirected to what is no URL"),
    failed("redirect", "in a circle"),
    failed("redirect", "redirected more than 10 times"),
    failed("redirect", "in a circle"),
  ]);
  server.close();
  await once(server, "close");
});
