import { checkpoint, type Coroutine, group, run, sleep, type Task, VirtualHost } from "rondo";
import { describe, expect, test } from "vitest";
import { FakeStore } from "../tests/fake-store.ts";
import { type Answer, feed, Web } from "../tests/web.ts";
import { fromWebFetch, parseSource, type Source, Watch, type WatchEvent, type WatchOptions } from "./index.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 10, 22, 10);
const A = "http://a.example/";
const B = "http://b.example/";

/** A world whose clock on the wall may jump while its timers do not: a laptop that slept, a clock that was set. */
class Jumping extends VirtualHost {
  jumped = 0;
  constructor() {
    super({ wallClock: START });
  }
  override wallClock(): number {
    return super.wallClock() + this.jumped;
  }
}

interface World {
  readonly watch: Watch;
  readonly store: FakeStore;
  readonly events: WatchEvent[];
  readonly host: Jumping;
  readonly task: Task<void>;
}

/** Watches while `body` runs, and stops softly after it. */
async function watching(
  web: Web,
  urls: readonly string[],
  body: (world: World) => Coroutine<void>,
  options: WatchOptions = {},
  store = new FakeStore(),
): Promise<World> {
  const events: WatchEvent[] = [];
  store.sources.push(...urls.map((url) => parseSource(url)));
  const onEvent = (event: WatchEvent): void => void events.push(event);
  const watch = new Watch(store, { fetch: fromWebFetch(web.fetch), onEvent, tries: 1, ...options });
  const host = new Jumping();
  let world: World | undefined;
  await run(
    () =>
      group(function* (outer) {
        outer.spawn(web.serve(), { daemon: true });
        const task: Task<void> = outer.spawn(() =>
          group(function* (g) {
            world = { watch, store, events, host, task };
            g.spawn(watch.work());
            yield* body(world);
            g.stop();
          }),
        );
        yield* task.ended();
      }),
    { host },
  );
  return world as World;
}

const asked = (web: Web, url: string): number[] => web.asked.filter((each) => each.url === url).map(({ at }) => at);
const ttl = (minutes: number): string => feed("x").replace("<channel>", `<channel><ttl>${minutes}</ttl>`);

test("each source is fetched when it is due, again and again", async () => {
  const web = new Web((url): Answer => ({ body: ttl(url === A ? 60 : 45), after: 100 }));
  const { store } = await watching(web, [A, B], () => pause(4 * HOUR + MINUTE));
  expect(asked(web, A)).toEqual([0, 1, 2, 3].map((n) => n * (HOUR + 100)).concat(4 * HOUR + 400));
  expect(asked(web, B)).toEqual([0, 1, 2, 3, 4, 5].map((n) => n * (45 * MINUTE + 100)));
  expect(store.records).toHaveLength(11);
});

test("what happens is told as it is stored, with what is new", async () => {
  const web = new Web((url, times): Answer => {
    if (url === B) return { status: 404 };
    return times === 0 ? { body: feed("Storm"), headers: { etag: "1" } } : { status: 304 };
  });
  const store = new FakeStore();
  const record = store.record.bind(store);
  store.record = (number, fetches) => {
    record(number, fetches);
    return fetches.map(({ result }) =>
      result.state === "done" ? result.articles.map(({ title, url }) => ({ title, url })) : [],
    );
  };
  const { events, watch } = await watching(web, [A, B], () => pause(40 * MINUTE), {}, store);
  const told = events.map((event) => {
    if (event.kind === "subscriptions") return event;
    const { source } = event.outcome;
    return [event.kind, source.url, Math.round((event.at - START) / MINUTE), "fresh" in event ? event.fresh : []];
  });
  expect(told.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
    ["done", A, 0, [{ title: "Storm", url: undefined }]],
    ["failed", B, 0, []],
    ["failed", B, 15, []],
    ["unchanged", A, 30, []],
  ]);
  expect(events.find(({ kind }) => kind === "unchanged")).toMatchObject({
    outcome: { latest: { title: "Storm", articles: 1 } },
  });
  expect(watch.progress).toMatchObject({ total: 4, waiting: 0, running: 0, done: 1, unchanged: 1, failed: 2 });
});

test("one at a time at a host, and no more at once than asked for, as in a run", async () => {
  const web = new Web((): Answer => ({ body: feed("x"), after: 1000 }));
  const urls = Array.from({ length: 40 }, (_, at) => `http://h${at % 8}.example/${at}`);
  await watching(web, urls, () => pause(MINUTE), { concurrency: 5, perHost: 1 });
  expect(web.asked).toHaveLength(40);
  expect(web.most.get("all")).toBe(5);
  for (let host = 0; host < 8; host++) expect(web.most.get(`h${host}.example`)).toBe(1);
});

test(
  "others get their turn while very many that are due are looked up, and they are one run all the same",
  { tags: ["long"] },
  async () => {
    const web = new Web((): Answer => ({ body: feed("x"), after: 1000 }));
    const store = new FakeStore();
    let [looked, most] = [0, 0];
    const state = store.state.bind(store);
    store.state = (url) => (looked++, state(url));
    const urls = Array.from({ length: 1000 }, (_, at) => `http://h${at}.example/`);
    await watching(
      web,
      urls,
      function* () {
        while (looked < 2 * urls.length) {
          const before = looked;
          yield* checkpoint();
          most = Math.max(most, looked - before);
        }
        yield* sleep(MINUTE);
      },
      { concurrency: 1000 },
      store,
    );
    expect(most).toBeLessThanOrEqual(200);
    expect(web.asked).toHaveLength(1000);
    expect(store.runs).toHaveLength(1);
  },
);

test("a look that is long makes nothing late", async () => {
  const web = new Web((): Answer => ({ body: ttl(10) }));
  await watching(web, [A], () => pause(25 * MINUTE), { look: HOUR });
  expect(asked(web, A)).toEqual([0, 10 * MINUTE, 20 * MINUTE]);
});

test("what is fetched without a pause is one run", async () => {
  const web = new Web((): Answer => ({ body: feed("x"), after: 1000 }));
  const { store } = await watching(web, [A, B], () => pause(31 * MINUTE));
  expect(store.runs.map(({ begun, ended = 0 }) => [begun - START, ended - begun])).toEqual([
    [0, 1050],
    [30 * MINUTE + 1000, 1050],
  ]);
  expect(store.records.map(({ timing }) => timing.begun)).toEqual([0, 0, 0, 0]);
});

describe("other processes", () => {
  test("subscribe and unsubscribe, and it is noticed", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const { events } = await watching(web, [A], function* ({ store, watch }) {
      yield* sleep(5 * MINUTE);
      store.sources.push(parseSource(B));
      yield* sleep(10_001);
      expect(asked(web, B)).toHaveLength(1);
      expect(watch.sources).toBe(2);
      store.sources.shift();
      yield* sleep(HOUR);
    });
    expect(asked(web, A)).toEqual([0]);
    expect(asked(web, B)).toHaveLength(3);
    const lists = events.filter((event) => event.kind === "subscriptions");
    expect(lists.map(({ added, removed }) => [added, removed].map((list) => list.map(({ url }) => url)))).toEqual([
      [[B], []],
      [[], [A]],
    ]);
  });

  test("take a source off the list and put it back while it is fetched, and it is not fetched twice at once", async () => {
    const web = new Web((): Answer => ({ body: feed("x"), after: 1000 }));
    await watching(
      web,
      [A],
      function* ({ store, watch }) {
        const [source] = store.sources;
        yield* sleep(105);
        store.sources.length = 0;
        yield* sleep(100);
        expect(watch.sources).toBe(0);
        store.sources.push(source as Source);
        yield* sleep(20 * MINUTE);
        expect(watch.sources).toBe(1);
      },
      { look: 100, perHost: 2 },
    );
    expect(asked(web, A)).toEqual([0]);
  });

  test("fetch a source, and then it is not fetched again", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    await watching(web, [A], function* ({ store }) {
      yield* sleep(20 * MINUTE);
      const state = store.states.get(A);
      if (state !== undefined) store.states.set(A, { ...state, due: START + 50 * MINUTE });
      yield* sleep(40 * MINUTE);
    });
    expect(asked(web, A)).toEqual([0, 50 * MINUTE]);
  });
});

describe("a stop", () => {
  test("lets those under way end, stores them, and begins none", async () => {
    const web = new Web((url): Answer => ({ body: feed("x"), after: url === A ? 5000 : 20_000 }));
    const urls = [A, B, "http://c.example/"];
    const { store, events } = await watching(web, urls, () => pause(1000), {
      concurrency: 2,
      timeout: 60_000,
    });
    expect(web.asked.map(({ url }) => url)).toEqual([A, B]);
    expect(store.records.map(({ source, result }) => [source.url, result.state])).toEqual([
      [A, "done"],
      [B, "done"],
    ]);
    expect(events).toHaveLength(2);
    expect(store.runs[0]?.ended).toBe(START + 20_000);
  });

  test("in the middle of a look at a long list begins none either", async () => {
    const web = new Web((): Answer => ({ body: feed("x"), after: 1000 }));
    const urls = Array.from({ length: 1000 }, (_, at) => `http://h${at}.example/`);
    const { watch } = await watching(web, [], function* ({ store }) {
      yield* sleep(1000);
      let looked = 0;
      const state = store.state.bind(store);
      store.sources.push(...urls.map((url) => parseSource(url)));
      store.state = (url) => (looked++, state(url));
      while (looked === 0) yield* sleep(1);
      expect(looked).toBeLessThan(urls.length);
    });
    expect(web.asked).toEqual([]);
    expect(watch.progress).toMatchObject({ total: 0, waiting: 0 });
  });

  test("ends a wait at once", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const { host } = await watching(web, [A], () => pause(1234));
    expect(host.now()).toBe(1234);
  });

  test("that is not soft aborts what is under way, and what was handed over is stored", async () => {
    const web = new Web((url): Answer => ({ body: feed("x"), after: url === A ? 980 : Infinity }));
    const world = await watching(web, [A, B], function* ({ task }) {
      yield* sleep(1000);
      task.cancel();
      yield* sleep(1);
    });
    expect(web.asked.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(world.store.records.map(({ source }) => source.url)).toEqual([A]);
    expect(world.events).toHaveLength(1);
    expect(world.store.runs[0]?.ended).toBeGreaterThanOrEqual(START + 1000);
    expect(world.host.now()).toBeLessThan(1100);
  });
});

describe("the clock on the wall", () => {
  test("jumps ahead while a laptop sleeps, and what became due is fetched at the next look", async () => {
    const web = new Web((): Answer => ({ body: ttl(300) }));
    await watching(web, [A, B], function* ({ host }) {
      yield* sleep(HOUR);
      host.jumped += 5 * HOUR;
      yield* sleep(11_000);
    });
    for (const url of [A, B]) {
      expect(asked(web, url)).toHaveLength(2);
      expect(asked(web, url)[1]).toBeLessThanOrEqual(HOUR + 10_000);
    }
  });

  test("is put back, and no source waits for ever", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    await watching(web, [A], function* ({ host }) {
      host.jumped = 365 * 24 * HOUR;
      yield* sleep(MINUTE);
      host.jumped = 0;
      yield* sleep(MINUTE);
    });
    expect(asked(web, A).length).toBe(2);
  });

  test("is read often enough, and not more often than that", async () => {
    const web = new Web((): Answer => ({ body: feed("x") }));
    const store = new FakeStore();
    let looks = 0;
    store.subscriptions = () => {
      looks++;
      return [parseSource(A)];
    };
    await watching(web, [], () => pause(HOUR), { look: MINUTE }, store);
    expect(looks).toBe(60);
  });
});

test("a store that fails ends the watch with its error", async () => {
  const web = new Web((): Answer => ({ body: feed("x"), after: 10 }));
  for (const method of ["record", "subscriptions", "state", "beginRun"] as const) {
    const store = new FakeStore();
    const error = new Error("locked");
    store[method] = () => {
      throw error;
    };
    await expect(watching(web, [A, B], () => pause(HOUR), {}, store)).rejects.toBe(error);
    expect(web.open.get("all") ?? 0).toBe(0);
  }
});

test("a watch is kept once, and numbers that make no sense are refused", async () => {
  const web = new Web((): Answer => ({ body: feed("x") }));
  const { watch } = await watching(web, [], () => pause(1));
  await expect(run(() => watch.work())).rejects.toThrow("make a new Watch");
  expect(() => new Watch(new FakeStore(), { look: 0 })).toThrow(RangeError);
  expect(() => new Watch(new FakeStore(), { concurrency: 1.5 })).toThrow(RangeError);
  expect(() => new Watch(new FakeStore(), { perHost: Infinity })).toThrow(RangeError);
});

function* pause(ms: number): Coroutine<void> {
  yield* sleep(ms);
}
