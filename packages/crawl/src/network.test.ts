// The real thing over real sockets: what bad servers do, each on a server of the test's own. Time is real here, so
// nothing is said about how long anything takes, only about what comes out of it.

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { run } from "rondo";
import { afterEach, expect, test } from "vitest";
import { serve, type Served } from "../tests/serve.ts";
import { feed } from "../tests/web.ts";
import { News, type NewsOptions, type Outcome, parseSource } from "./index.ts";

const warnings: Error[] = [];
process.on("warning", (warning) => warnings.push(warning));
afterEach(() => expect(warnings.splice(0)).toEqual([]));

async function download(urls: readonly string[], options: NewsOptions = {}): Promise<Outcome[]> {
  const news = new News(
    urls.map((url) => parseSource(url)),
    { timeout: 10_000, allowPrivate: true, ...options },
  );
  await run(() => news.work());
  return urls.map((url) => news.outcomes.find((outcome) => outcome.source.url === new URL(url).href) as Outcome);
}

/** The server serves the good source beside the bad one, and the good one must be read whatever the bad one does. */
async function besides(
  bad: (response: ServerResponse, served: Served, path: string) => void,
  options: NewsOptions = {},
): Promise<Outcome> {
  await using served = await serve((request, response) => {
    if (request.url === "/good") response.end(feed("Good"));
    else bad(response, served, request.url ?? "");
  });
  const [failed, good] = await download([`${served.url}/bad`, `${served.url}/good`], options);
  expect(good).toMatchObject({ ok: true, title: "Good" });
  return failed as Outcome;
}

test("a host that never answers is given up at its deadline", { tags: ["long"] }, async () => {
  const outcome = await besides(() => undefined, { timeout: 1500 });
  expect(outcome).toMatchObject({ ok: false, failure: { kind: "timeout", message: "no answer within 1.5 s" } });
});

test("a host that sends a byte a second is given up at its deadline, and the connection is closed", async () => {
  let closed: Promise<unknown> | undefined;
  await using served = await serve((_request, response) => {
    closed = once(response, "close");
    response.writeHead(200, { "content-type": "application/rss+xml" });
    response.write("<");
    const timer = setInterval(() => response.write("x"), 1000);
    response.on("close", () => clearInterval(timer));
  });
  const [outcome] = await download([served.url], { timeout: 300 });
  expect(outcome).toMatchObject({
    ok: false,
    failure: { kind: "timeout", message: expect.stringMatching(/^not at its end after 300 ms: 1 bytes had come$/) },
  });
  await closed;
});

test("of a feed of 500 MB no more than the limit is read, it is marked as cut, and the connection is closed", async () => {
  const item = `<item><title>storm</title><description>${"word ".repeat(200)}</description></item>`;
  const chunk = Buffer.from(item.repeat(50));
  let sent = 0;
  let closed: Promise<unknown> | undefined;
  await using served = await serve((_request, response) => {
    closed = once(response, "close");
    response.writeHead(200, { "content-type": "application/rss+xml", "content-length": 500_000_000 });
    response.write('<rss version="2.0"><channel><title>Endless</title>');
    const more = (): void => {
      do sent += chunk.length;
      while (response.writable && response.write(chunk) && sent < 500_000_000);
    };
    response.on("drain", more);
    more();
  });
  const [outcome] = await download([served.url], { terms: ["storm"] });
  expect(outcome).toMatchObject({ ok: true, cut: true, title: "Endless", notes: ["cut off after 5242880 bytes"] });
  expect(outcome?.state === "done" && outcome.articles).toBeGreaterThan(1000);
  expect(outcome?.bytes).toBeLessThan(6_000_000);
  await closed;
  expect(sent).toBeLessThan(60_000_000);
});

test("a small body that unpacks to something enormous is cut as well", { tags: ["long"] }, async () => {
  const bomb = gzipSync(`<html><title>Bomb</title><p>${"boom ".repeat(8_000_000)}`);
  const outcome = await besides((response) =>
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "text/html" }).end(bomb),
  );
  expect(outcome).toMatchObject({ ok: true, cut: true, title: "Bomb" });
});

test("a page in a lying charset is read by what its bytes are, and the lie is noted", async () => {
  const page = Buffer.from(
    '<html><meta charset="iso-8859-1"><title>\u00c9t\u00e9</title><p>d\u00e9j\u00e0 vu \u00e0 No\u00ebl',
    "latin1",
  );
  const outcome = await besides((response) =>
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page),
  );
  expect(outcome).toMatchObject({
    ok: true,
    title: "Été",
    charset: "windows-1252",
    notes: [expect.stringContaining("header says utf-8")],
  });
});

test("a page whose every claim about its charset is a lie is that source's error", async () => {
  const page = Buffer.from(
    "<html><meta charset=utf-8><title>\u00c9t\u00e9</title><p>d\u00e9j\u00e0 vu \u00e0 No\u00ebl",
    "latin1",
  );
  const outcome = await besides((response) =>
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page),
  );
  expect(outcome).toMatchObject({
    ok: false,
    failure: { kind: "charset", message: expect.stringContaining("says utf-8, but byte 0xc9") },
  });
});

test("a redirect to itself and a circle of redirects are errors that name the way", async () => {
  const self = await besides((response, _served, path) => response.writeHead(302, { location: path }).end());
  expect(self).toMatchObject({
    ok: false,
    failure: { kind: "redirect", message: expect.stringMatching(/circle: .*\/bad → .*\/bad$/) },
  });
  const circle = await besides((response, _served, path) =>
    response.writeHead(302, { location: path === "/bad" ? "/b" : "/bad" }).end(),
  );
  expect(circle).toMatchObject({ ok: false, failure: { message: expect.stringMatching(/\/bad → .*\/b → .*\/bad$/) } });
});

test("a port where nobody listens refuses, three times", { tags: ["long"] }, async () => {
  const served = await serve(() => undefined);
  await served[Symbol.asyncDispose]();
  const [outcome] = await download([served.url]);
  expect(outcome).toMatchObject({
    ok: false,
    tries: 3,
    failure: { kind: "refused", message: `${served.host} refuses connections` },
  });
});

test("a connection that breaks before the answer is tried again, and one that works then counts", async () => {
  let times = 0;
  const outcome = await besides((response) => {
    if (times++ === 0) response.destroy();
    else response.end(feed("Second"));
  });
  expect(outcome).toMatchObject({ ok: true, title: "Second", tries: 2 });
});

test.each([
  ["announced its length", { "content-length": 1000 }],
  ["comes in chunks", {}],
])("a connection that breaks in the middle of a body that %s is a failure that says so", async (_, headers) => {
  const outcome = await besides(
    (response) => {
      response.writeHead(200, headers).write("<rss>");
      setImmediate(() => response.destroy());
    },
    { tries: 1 },
  );
  expect(outcome).toMatchObject({
    ok: false,
    failure: { kind: "connection", message: expect.stringContaining("broke the connection off") },
  });
});

test("a server that does not speak HTTP is a failure that says so", async () => {
  const server = createTcpServer((socket) => {
    // Whoever expected HTTP hangs up on what came instead, before it has been heard out.
    socket.on("error", () => undefined).end("SSH-2.0-OpenSSH_9.9\r\n");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const [outcome] = await download([`http://127.0.0.1:${port}/`]);
  expect(outcome).toMatchObject({
    ok: false,
    tries: 1,
    failure: { kind: "protocol", message: `127.0.0.1:${port} does not answer in HTTP` },
  });
  server.close();
});

test("https to a server that speaks http is a failure of trust, not a riddle", async () => {
  await using served = await serve((_request, response) => response.end(feed("x")));
  const [outcome] = await download([served.url.replace("http:", "https:")]);
  expect(outcome).toMatchObject({ ok: false, failure: { kind: "tls" } });
});

test("a body that is not compressed as its header says is a failure that says so", async () => {
  const outcome = await besides((response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end("this is no gzip"),
  );
  expect(outcome).toMatchObject({
    ok: false,
    failure: { kind: "protocol", message: expect.stringContaining("not compressed as its header says") },
  });
});

test("pictures and downloads are refused by what they are", async () => {
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]);
  const outcome = await besides((response) => response.writeHead(200, { "content-type": "text/html" }).end(png));
  expect(outcome).toMatchObject({ ok: false, failure: { kind: "not-text", message: "this is a PNG image" } });
});

test("a run that is cancelled leaves no connection and no listener behind", async () => {
  const begun: Promise<unknown>[] = [];
  await using served = await serve((request, response) => {
    begun.push(once(response, "close"));
    // Half of them have not answered, half are in the middle of their body.
    if (request.url?.endsWith("1") === true) response.write("<rss>");
  });
  const controller = new AbortController();
  const news = new News(
    Array.from({ length: 12 }, (_, at) => parseSource(`${served.url}/${at % 2}/${at}1${at % 2}`)),
    { perHost: 12, allowPrivate: true },
  );
  served.server.on("request", () => {
    if (begun.length === 12) setTimeout(() => controller.abort(new Error("enough")), 20);
  });
  await expect(run(() => news.work(), { signal: controller.signal })).rejects.toThrow("enough");
  expect(news.report().totals).toMatchObject({ done: 0, failed: 0, unfinished: 12 });
  await Promise.all(begun);
});
