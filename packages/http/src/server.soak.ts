/** Very many requests on one connection, and very many connections: nothing stays behind of any of them. */
import { expect, test } from "vitest";
import { group, run, sleep, VirtualHost } from "rondo";
import { memoryPair } from "rondo/net";
import { growth } from "../../rondo/tests/heap.ts";
import { GET } from "../tests/serving.ts";
import { HttpError, json, mount, type RequestHandler, serveStream, stream, text } from "./index.ts";

/** Less than the smallest object that could be left behind by each cycle, and more than the heap moves by itself. */
const FLAT = 12;

/** What is compiled and cached on the way takes long to come to rest: so many cycles first that do not count. */
const WARM = 10_000;

const decoder = new TextDecoder();

/** So many times the same messages on one connection, each time up to where the answers end. */
function over(handler: RequestHandler, messages: string, end: string): (n: number) => Promise<unknown> {
  return (n) =>
    run(
      () =>
        group(function* (g) {
          const [client, server] = memoryPair();
          g.spawn(serveStream(server, handler, { limits: { pipelined: 4 } }));
          for (let i = 0; i < n; i++) {
            yield* client.write(messages);
            const answers = yield* client.readUntil(end);
            if (i === 0) expect(decoder.decode(answers)).toContain("HTTP/1.1 200 OK");
          }
          client.abort();
        }),
      { host: new VirtualHost() },
    );
}

const POST = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";

test("requests with and without bodies, signals, flows and failures, on one connection", async () => {
  let n = 0;
  const cycles = over(
    function* (request) {
      void request.signal.aborted;
      switch (n++ % 4) {
        case 0:
          return json({ url: request.url.pathname, agent: request.headers.get("user-agent") ?? null });
        case 1:
          return text(yield* request.text());
        case 2:
          return stream(function* (emit) {
            yield* emit("piece");
          });
        default:
          throw new HttpError(404, "the last one");
      }
    },
    GET + POST + GET + GET,
    "the last one\n",
  );
  await cycles(WARM);
  expect(await growth(80_000, cycles)).toBeLessThan(FLAT);
});

test("requests to a handler in the style of fetch", async () => {
  const cycles = over(
    mount(async (request) => new Response(`${(await request.text()).length}!`)),
    POST,
    "3!",
  );
  await cycles(WARM);
  expect(await growth(30_000, cycles)).toBeLessThan(FLAT);
});

test("connections that come, ask, and leave in every way", async () => {
  const cycles = (count: number): Promise<unknown> =>
    run(
      () =>
        group(function* (g) {
          for (let i = 0; i < count; i++) {
            const [client, server] = memoryPair();
            const task = g.spawn(
              serveStream(server, function* (request) {
                if (request.path === "/slow") yield* sleep(1000);
                return text("hello");
              }),
            );
            yield* client.write(i % 3 === 0 ? "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" : GET);
            if (i % 3 !== 0) yield* client.readUntil("hello");
            else yield* sleep(1);
            if (i % 2 === 0) client.abort();
            else yield* client.close();
            yield* task.ended();
          }
        }),
      { host: new VirtualHost() },
    );
  await cycles(WARM);
  expect(await growth(30_000, cycles)).toBeLessThan(FLAT);
});
