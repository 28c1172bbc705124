// One source by itself; what is common with a run is tested there.

import { type Coroutine, group, moveOnAfter, now, run, VirtualHost } from "rondo";
import { serve, text } from "@rondo/http";
import { simulate } from "rondo/sim";
import { expect, test } from "vitest";
import { type Answer, feed, Web } from "../tests/web.ts";
import { fetchSource, type FetchSourceOptions, type Fetched, fromWebFetch, parseSource } from "./index.ts";

const A = "http://a.example/";
const B = "http://b.example/";
const START = Date.UTC(2026, 10, 22, 10);

async function fetching<T>(
  web: Web,
  body: (fetch: (options?: FetchSourceOptions) => Coroutine<Fetched>) => Coroutine<T>,
): Promise<T> {
  const fetch = fromWebFetch(web.fetch);
  return run(
    () =>
      group(function* (g) {
        g.spawn(web.serve(), { daemon: true });
        return yield* body((options) => fetchSource(parseSource(A), { fetch, ...options }));
      }),
    { host: new VirtualHost({ wallClock: START }) },
  );
}

test("a source is fetched with its document and everything to ask it by the next time", async () => {
  const body = feed("Storm").replace("<channel>", "<channel><ttl>60</ttl>");
  const web = new Web((url): Answer => {
    if (url === A) return { status: 301, headers: { location: B } };
    return { body, headers: { etag: '"1"', "last-modified": "yesterday" }, after: 1000 };
  });
  const fetched = await fetching(web, (fetch) => fetch());
  expect(fetched).toMatchObject({
    source: { url: A },
    url: B,
    status: 200,
    document: { kind: "rss", title: "Storm" },
    cut: false,
    validators: { etag: '"1"', lastModified: "yesterday", url: B },
    hints: { every: 3_600_000 },
    due: START + 1000 + 3_600_000,
    redirects: [B],
    movedTo: B,
    tries: 1,
    bytes: body.length,
  });
});

test("what it gave is what the next time is asked since", async () => {
  const body = feed("Storm").replace("<channel>", "<channel><ttl>60</ttl>");
  const web = new Web((_url, times): Answer => (times === 0 ? { body, headers: { etag: '"1"' } } : { status: 304 }));
  const [second, third] = await fetching(web, function* (fetch) {
    const first = yield* fetch();
    const again = yield* fetch({ since: first });
    return [again, yield* fetch({ since: again })] as const;
  });
  expect(second).toMatchObject({ status: 304, document: undefined, due: START + 3_600_000, bytes: 0 });
  expect(third).toMatchObject({ status: 304, document: undefined, hints: { every: 3_600_000 } });
  expect(web.asked.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, '"1"', '"1"']);
});

test("what goes wrong is thrown, after as many tries as were asked for", async () => {
  const web = new Web((): Answer => ({ status: 503 }));
  await expect(fetching(web, (fetch) => fetch())).rejects.toMatchObject({ kind: "status", retryable: true });
  expect(web.asked).toHaveLength(3);
  await expect(fetching(web, (fetch) => fetch({ tries: 0 }))).rejects.toThrow(RangeError);
  await expect(fetching(web, (fetch) => fetch({ timeout: -1 }))).rejects.toThrow("timeout is 0 or more, not -1");
  await expect(
    fetching(new Web(() => ({ after: Infinity })), (fetch) => fetch({ timeout: 500 })),
  ).rejects.toMatchObject({ kind: "timeout", message: "no answer within 500 ms" });
});

test("a fetch that is cancelled leaves nothing open", async () => {
  const web = new Web((): Answer => ({ after: Infinity }));
  const { timedOut } = await fetching(
    web,
    (fetch) => moveOnAfter(100, fetch()) as unknown as Coroutine<{ timedOut: boolean }>,
  );
  expect(timedOut).toBe(true);
  expect(web.open.get("all")).toBe(0);
});

test("with the client of the house, nothing is left behind either, and private addresses are refused", () => {
  const { error } = simulate({ network: { faults: "none" } }, function* (world) {
    const server = world.node("server", function* () {
      yield* (yield* serve({ port: 80, handler: () => text(feed("Storm")) })).ended();
    });
    const source = parseSource("http://server/");
    const begun = now();
    const { document } = yield* fetchSource(source, { allowPrivate: true });
    expect(document?.title).toBe("Storm");
    // No connection is kept for anybody: it does not stay open for a quarter of a minute.
    expect(now() - begun).toBeLessThan(1000);
    let refused: unknown;
    try {
      yield* fetchSource(source);
    } catch (thrown) {
      refused = thrown;
    }
    expect(refused).toMatchObject({ kind: "private" });
    yield* server.stop();
  });
  expect(error).toBeUndefined();
});
