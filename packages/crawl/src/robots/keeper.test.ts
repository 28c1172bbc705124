import { all, type Coroutine, type Group, group, now, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { type Answer, Web } from "../../tests/web.ts";
import { fromWebFetch, getWith, RobotsKeeper, type RobotsKeeperOptions, type RobotsVerdict } from "../index.ts";
import type { RobotsGet } from "./keeper.ts";

const A = "https://a.example/page";
const HOUR = 3_600_000;

/** Runs something over a web in virtual time. */
async function inWeb<T>(
  answer: (url: string, times: number) => Answer,
  body: (keeper: RobotsKeeper, get: RobotsGet, g: Group, web: Web) => Coroutine<T>,
  options: RobotsKeeperOptions = {},
): Promise<T> {
  const web = new Web(answer);
  const keeper = new RobotsKeeper(options);
  const get = getWith(fromWebFetch(web.fetch), keeper.userAgent);
  const main = function* (): Coroutine<T> {
    return yield* group(function* (g) {
      g.spawn(web.serve(), { daemon: true });
      return yield* body(keeper, get, g, web);
    });
  };
  return await run(main, { host: new VirtualHost() });
}

const forbidding: Answer = { body: "user-agent: *\ndisallow: /page\ncrawl-delay: 3\n" };

test("robots.txt is asked for once a host, where a host is a scheme, a name and a port", async () => {
  await inWeb(
    () => forbidding,
    function* (keeper, get, _, web) {
      for (const url of [A, "https://a.example/other", "http://a.example/page", "https://a.example:8443/page", A]) {
        const { allowed, delay } = yield* keeper.ask(url, get);
        expect([allowed, delay]).toEqual([url.endsWith("/other"), 3000]);
      }
      expect(web.asked.map(({ url }) => url)).toEqual([
        "https://a.example/robots.txt",
        "http://a.example/robots.txt",
        "https://a.example:8443/robots.txt",
      ]);
    },
  );
});

test("the rules for our own name hold, not those for others", async () => {
  const body = "user-agent: rondo-news\ndisallow: /page\nuser-agent: *\ndisallow: /\n";
  await inWeb(
    () => ({ body }),
    function* (keeper, get) {
      expect(yield* keeper.ask(A, get)).toMatchObject({ allowed: false, passing: false });
      expect(yield* keeper.ask("https://a.example/other", get)).toMatchObject({ allowed: true });
    },
    { userAgent: "Rondo-News/1.0 (+https://rondo.example)" },
  );
});

test("a file is good for 24 hours, and for no more if more is asked for", async () => {
  await inWeb(
    (_, times) => ({ body: times === 0 ? "user-agent: *\ndisallow: /\n" : "" }),
    function* (keeper, get, _, web) {
      expect((yield* keeper.ask(A, get)).allowed).toBe(false);
      yield* sleep(24 * HOUR - 1);
      expect((yield* keeper.ask(A, get)).allowed).toBe(false);
      yield* sleep(1);
      expect((yield* keeper.ask(A, get)).allowed).toBe(true);
      expect(web.asked.map(({ at }) => at)).toEqual([0, 24 * HOUR]);
    },
    { maxAge: 100 * HOUR },
  );
});

test.each([400, 401, 403, 404, 410, 451])("an answer of %i means that there are no rules", async (status) => {
  await inWeb(
    () => ({ status, body: "user-agent: *\ndisallow: /\n" }),
    function* (keeper, get) {
      expect(yield* keeper.ask(A, get)).toEqual({ allowed: true, passing: false, delay: undefined });
    },
  );
});

test.each([429, 500, 502, 503, 599])("after an answer of %i nothing is allowed for now", async (status) => {
  await inWeb(
    (_, times) => (times === 0 ? { status } : { body: "" }),
    function* (keeper, get, _, web) {
      const why = `a.example answers HTTP ${status} for its robots.txt`;
      expect(yield* keeper.ask(A, get)).toEqual({ allowed: false, passing: true, delay: undefined, why });
      yield* sleep(599_999);
      expect((yield* keeper.ask(A, get)).allowed).toBe(false);
      yield* sleep(1);
      expect((yield* keeper.ask(A, get)).allowed).toBe(true);
      expect(web.asked).toHaveLength(2);
    },
  );
});

test("where no answer comes nothing is allowed, and why is said", async () => {
  const error = new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }) });
  await inWeb(
    (url) => (url.includes("//a.") ? { error } : { after: Infinity }),
    function* (keeper, get) {
      const refused = yield* keeper.ask(A, get);
      expect(refused.why).toBe("robots.txt of a.example could not be had: a.example refuses connections");
      const silent = yield* keeper.ask("https://b.example/", get);
      expect(silent.why).toBe("robots.txt of b.example could not be had: no whole answer from b.example within 15 s");
      expect([refused.allowed, silent.allowed, now()]).toEqual([false, false, 15_000]);
    },
  );
});

test("rules of an earlier day hold on while their host cannot be asked", async () => {
  await inWeb(
    (_, times) => (times === 0 ? forbidding : times === 1 ? { status: 503 } : { status: 404 }),
    function* (keeper, get, _, web) {
      yield* keeper.ask(A, get);
      yield* sleep(24 * HOUR);
      expect(yield* keeper.ask(A, get)).toMatchObject({ allowed: false, passing: false });
      expect((yield* keeper.ask("https://a.example/other", get)).allowed).toBe(true);
      expect(web.asked).toHaveLength(2);
      yield* sleep(HOUR);
      expect((yield* keeper.ask(A, get)).allowed).toBe(true);
    },
  );
});

function redirecting(times: number): (url: string) => Answer {
  return (url) => {
    const at = Number(/\d+$/.exec(url)?.[0] ?? 0);
    return at === times ? forbidding : { status: 301, headers: { location: `https://www.b.example/robots-${at + 1}` } };
  };
}

test("five redirects are followed, to other hosts too, and the rules are those of the host that was asked", async () => {
  await inWeb(redirecting(5), function* (keeper, get, _, web) {
    expect((yield* keeper.ask(A, get)).why).toBe("robots.txt of a.example forbids it (line 2: Disallow: /page)");
    expect(web.asked).toHaveLength(6);
  });
});

test("six redirects, or one to nowhere, are no rules", async () => {
  await inWeb(redirecting(6), function* (keeper, get, _, web) {
    expect((yield* keeper.ask(A, get)).allowed).toBe(true);
    expect(web.asked).toHaveLength(6);
  });
  for (const location of ["ftp://a.example/robots.txt", "http://"]) {
    await inWeb(
      () => ({ status: 302, headers: { location } }),
      function* (keeper, get) {
        expect((yield* keeper.ask(A, get)).allowed).toBe(true);
      },
    );
  }
});

test("500 KiB are read of a file that is longer", async () => {
  const filler = `#${"x".repeat(1022)}\n`;
  const body = `user-agent: *\ndisallow: /page\n${filler.repeat(600)}disallow: /other\n`;
  await inWeb(
    () => ({ body }),
    function* (keeper, get) {
      expect((yield* keeper.ask(A, get)).allowed).toBe(false);
      expect((yield* keeper.ask("https://a.example/other", get)).allowed).toBe(true);
    },
  );
});

test("the rule that the limit cuts in two is not read", async () => {
  const head = "user-agent: *\n#";
  const tail = "\ndisallow: /page";
  const body = `${head}${"x".repeat(500 * 1024 - head.length - tail.length)}${tail}/archive\n`;
  await inWeb(
    () => ({ body }),
    function* (keeper, get) {
      expect((yield* keeper.ask(A, get)).allowed).toBe(true);
    },
  );
});

test("those who ask at the same time share one request", async () => {
  await inWeb(
    () => ({ ...forbidding, after: 100 }),
    function* (keeper, get, _, web) {
      const verdicts = yield* all(Array.from({ length: 20 }, () => () => keeper.ask(A, get)));
      expect(verdicts.every(({ allowed }) => !allowed)).toBe(true);
      expect(web.asked).toHaveLength(1);
    },
  );
});

test("one that is cancelled fails nobody, neither the one that made the request nor one that waits for it", async () => {
  await inWeb(
    () => ({ ...forbidding, after: 100 }),
    function* (keeper, get, g, web) {
      const asking = Array.from({ length: 5 }, (_, at) => g.spawn(keeper.ask(A, get), { name: `asker ${at}` }));
      yield* sleep(50);
      asking[0]?.cancel();
      asking[2]?.cancel();
      const rest: RobotsVerdict[] = [];
      for (const at of [1, 3, 4]) rest.push(yield* asking[at]!);
      expect(rest.map(({ allowed }) => allowed)).toEqual([false, false, false]);
      expect(web.asked.map(({ at, aborted }) => [at, aborted])).toEqual([
        [0, true],
        [50, false],
      ]);
      expect(web.open.get("all")).toBe(0);
    },
  );
});

test("an error that is nobody's foreseen one goes to the one who made the request, and the next one asks again", async () => {
  await inWeb(
    () => forbidding,
    function* (keeper, get) {
      const broken: RobotsGet = () => {
        throw new RangeError("a mistake");
      };
      let thrown: unknown;
      try {
        yield* keeper.ask(A, broken);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(RangeError);
      expect((yield* keeper.ask(A, get)).allowed).toBe(false);
    },
  );
});

test("only so many hosts are remembered: those not used for longest are forgotten, those being asked never", async () => {
  await inWeb(
    (url) => ({ ...forbidding, after: url.includes("slow") ? 1000 : 1 }),
    function* (keeper, get, g, web) {
      const slow = g.spawn(keeper.ask("https://slow.example/page", get));
      yield* sleep(0);
      for (const host of ["a", "b", "a", "c", "a"]) yield* keeper.ask(`https://${host}.example/page`, get);
      expect(keeper.size).toBe(3);
      yield* keeper.ask("https://b.example/page", get);
      expect((yield* slow).allowed).toBe(false);
      yield* keeper.ask("https://a.example/page", get);
      const asked = web.asked.map(({ url }) => new URL(url).hostname.slice(0, 4));
      expect(asked).toEqual(["slow", "a.ex", "b.ex", "c.ex", "b.ex"]);
    },
    { hosts: 3 },
  );
});
