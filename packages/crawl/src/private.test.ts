// What stands at a private address is not asked, whatever leads there. In simulated worlds, where computers have public
// addresses and names change what they stand for in the middle of a run; and on loopback.

import { serve, text } from "@rondo/http";
import { type Coroutine, run } from "rondo";
import { simulate, type World } from "rondo/sim";
import { expect, test } from "vitest";
import { serve as serveLoopback } from "../tests/serve.ts";
import { feed } from "../tests/web.ts";
import { findSource, News, type NewsOptions, type Outcome, parseSource } from "./index.ts";

const PUBLIC = "93.184.215.14";
const OTHER = "151.101.1.67";
const INSIDE = "10.1.2.3";

/** A computer with this address that answers each request by `answer`, and a list of what it was asked for. */
function site(
  world: World,
  name: string,
  address: string | readonly string[],
  answer: (path: string) => string | { readonly location: string },
): string[] {
  const asked: string[] = [];
  world.node(
    name,
    function* () {
      const server = yield* serve({
        port: 80,
        handler(request) {
          asked.push(request.target);
          const said = answer(request.target);
          return typeof said === "string"
            ? text(said, { headers: { "content-type": "text/xml" } })
            : text("", { status: 302, headers: { location: said.location } });
        },
      });
      yield* server.ended();
    },
    { address },
  );
  return asked;
}

/** A world in which the news are read on a computer that has a public address. */
function inWorld(body: (world: World) => Coroutine<void>): void {
  const result = simulate({}, function* (world) {
    const reader = world.node("reader", () => body(world), { address: ["198.41.0.4", "2001:500:2::c"] });
    yield* reader.ended();
  });
  if (!result.ok) throw result.error;
}

function* read(urls: readonly string[], options: NewsOptions = {}): Coroutine<Outcome[]> {
  const news = new News(
    urls.map((url) => parseSource(url)),
    { timeout: 5000, ...options },
  );
  yield* news.work();
  return urls.map((url) => news.outcomes.find(({ source }) => source.url === url) as Outcome);
}

const isPrivate = (message: string): object => ({ ok: false, tries: 1, failure: { kind: "private", message } });

test("a name that stands for a private address is not asked, and others are", () => {
  inWorld(function* (world) {
    const secrets = site(world, "router", INSIDE, () => feed("Secrets"));
    site(world, "good.example", PUBLIC, () => feed("Good"));
    world.network.names.set("evil.example", INSIDE);
    const [evil, good] = yield* read(["http://evil.example/", "http://good.example/"]);
    expect(evil).toMatchObject(
      isPrivate(
        "evil.example leads to 10.1.2.3, which is an address of a private network, and those are not asked unless --allow-private is given",
      ),
    );
    expect(good).toMatchObject({ ok: true, title: "Good" });
    expect(secrets).toEqual([]);
    const [allowed] = yield* read(["http://evil.example/"], { allowPrivate: true });
    expect(allowed).toMatchObject({ ok: true, title: "Secrets" });
  });
});

test("a name that stood for a public address at the first look and for a private one at the next gets nobody in", () => {
  inWorld(function* (world) {
    const { names } = world.network;
    const secrets = site(world, "router", INSIDE, () => feed("Secrets"));
    const asked = site(world, "front", PUBLIC, () => {
      // The redirect comes back to the same name, which by then is somebody else.
      names.set("evil.example", { addresses: [INSIDE], ttl: 0 });
      return { location: "/inside" };
    });
    names.set("evil.example", { addresses: [PUBLIC], ttl: 0 });
    const [outcome] = yield* read(["http://evil.example/"]);
    expect(asked).toEqual(["/"]);
    expect(outcome).toMatchObject({
      ok: false,
      redirects: ["http://evil.example/inside"],
      failure: { kind: "private", message: expect.stringContaining("leads to 10.1.2.3") },
    });
    expect(secrets).toEqual([]);
  });
});

test.each([
  [`http://${INSIDE}/`, "10.1.2.3 is an address of a private network"],
  ["http://169.254.169.254/latest/", "169.254.169.254 is a link-local address"],
  ["http://127.0.0.1/", "127.0.0.1 is a loopback address"],
  ["http://2130706433/", "127.0.0.1 is a loopback address"],
  ["http://0x7f.1/", "127.0.0.1 is a loopback address"],
  ["http://0177.0.0.1/", "127.0.0.1 is a loopback address"],
  ["http://127.0.0.1./", "127.0.0.1 is a loopback address"],
  ["http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", "127.0.0.1 is a loopback address"],
  ["http://0/", "0.0.0.0 is no address of anybody in particular"],
  ["http://[::1]/", "[::1] is a loopback address"],
  ["http://[::ffff:127.0.0.1]/", "[::ffff:7f00:1] is a loopback address (127.0.0.1, written as IPv6)"],
  ["http://[::]/", "[::] is no address of anybody in particular"],
  ["http://localhost/", "localhost leads to 127.0.0.1, which is a loopback address"],
  ["http://localhost./", "localhost. leads to 127.0.0.1, which is a loopback address"],
  ["http://LOCALHOST:80/", "localhost leads to 127.0.0.1, which is a loopback address"],
  ["http://x.localhost/", "x.localhost leads to 127.0.0.1, which is a loopback address"],
])("%s is refused, asked for and redirected to", (address, message) => {
  inWorld(function* (world) {
    const secrets = site(world, "router", INSIDE, () => feed("Secrets"));
    site(world, "good.example", PUBLIC, () => ({ location: address }));
    world.network.names.shuffles = false;
    const { url } = parseSource(address);
    const outcomes = yield* read([url, "http://good.example/"]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        ok: false,
        tries: 1,
        failure: { kind: "private", message: expect.stringContaining(message) },
      });
    expect(secrets).toEqual([]);
  });
});

test("of a host with public and private addresses only the public ones are tried", () => {
  inWorld(function* (world) {
    const secrets = site(world, "router", [INSIDE, "fd00::1"], () => feed("Secrets"));
    site(world, "good", PUBLIC, () => feed("Good"));
    world.network.names.set("both.example", ["fd00::1", INSIDE, PUBLIC]);
    // Nobody is at the public one: what failed is that, and not that others are private.
    world.network.names.set("gone.example", [INSIDE, OTHER]);
    const [both, gone] = yield* read(["http://both.example/", "http://gone.example/"], { tries: 1 });
    expect(both).toMatchObject({ ok: true, title: "Good" });
    expect(gone).toMatchObject({ ok: false, failure: { kind: "connection", message: "no way leads to gone.example" } });
    expect(secrets).toEqual([]);
  });
});

test("a feed that is looked for is not looked for at private addresses either", () => {
  inWorld(function* (world) {
    const secrets = site(world, "router", INSIDE, () => feed("Secrets"));
    world.network.names.set("evil.example", INSIDE);
    site(
      world,
      "good.example",
      PUBLIC,
      () => '<link rel="alternate" type="application/rss+xml" href="http://evil.example/feed">',
    );
    const found = yield* findSource("http://good.example/feed.html");
    expect(found.feeds).toEqual([]);
    expect(found.tried[1]).toEqual({
      url: "http://evil.example/feed",
      result: expect.stringContaining("evil.example leads to 10.1.2.3"),
    });
    expect(secrets).toEqual([]);
    const allowed = yield* findSource("http://good.example/", { allowPrivate: true });
    expect(allowed.feeds[0]).toMatchObject({ url: "http://evil.example/feed", title: "Secrets" });
  });
});

test("on the real network loopback is refused before anybody there hears of it", async () => {
  await using served = await serveLoopback((_request, response) => response.end(feed("x")));
  let connections = 0;
  served.server.on("connection", () => connections++);
  const port = served.host.split(":")[1] as string;
  const urls = [
    served.url,
    `http://localhost:${port}`,
    `http://[::ffff:127.0.0.1]:${port}`,
    `https://127.0.0.1:${port}`,
  ];
  const outcomes = await run(() => read(urls.map((url) => new URL(url).href)));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, tries: 1, failure: { kind: "private" } });
  expect(connections).toBe(0);
  const [allowed] = await run(() => read([`${served.url}/`], { allowPrivate: true }));
  expect(allowed).toMatchObject({ ok: true });
});
