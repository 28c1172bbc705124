import * as fc from "fast-check";
import { type Coroutine, type Group, group, run, sleep, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { type Answer, Web } from "../../tests/web.ts";
import { fromWebFetch } from "../exchange.ts";
import { SourceError } from "../failure.ts";
import { countWords } from "../tally.ts";
import type { Extract } from "./extract.ts";
import { type FollowCounts, type FollowedArticle, followArticles, type FollowOptions } from "./follow.ts";
import { Manners } from "./manners.ts";

const HTML = { "content-type": "text/html; charset=utf-8" };
const link = (url: string): { url: string; source: string } => ({ url, source: "https://feed.example/" });

/** Stands in for the threads: what is tested here is who is asked and when. */
const extract: Extract = function* (page) {
  const text = new TextDecoder().decode(page.bytes);
  return {
    title: page.url,
    text,
    words: countWords(text),
    byline: undefined,
    language: page.contentLanguage,
    published: undefined,
    canonical: undefined,
    from: "article",
  };
};

interface Result {
  readonly web: Web;
  readonly articles: FollowedArticle[];
  readonly counts: FollowCounts | undefined;
}

/** Follows links over a web in virtual time. */
async function follow(
  urls: readonly string[],
  answer: (url: string, times: number) => Answer,
  options: FollowOptions = {},
  host = new VirtualHost(),
  also?: (g: Group) => Coroutine<void>,
): Promise<Result> {
  const web = new Web(answer);
  const articles: FollowedArticle[] = [];
  const main = function* (): Coroutine<FollowCounts | undefined> {
    return yield* group(function* (g) {
      g.spawn(web.serve(), { daemon: true });
      const all = { fetch: fromWebFetch(web.fetch), extract, onArticle: (it: FollowedArticle) => articles.push(it) };
      const following = g.spawn(followArticles(urls.map(link), { ...all, ...options }));
      if (also !== undefined) {
        yield* also(g);
        following.cancel();
        yield* following.ended();
        return undefined;
      }
      return yield* following;
    });
  };
  return { counts: await run(main, { host }), web, articles };
}

/** Articles everywhere, and no rules. */
function articlesAt(url: string): Answer {
  return url.endsWith("/robots.txt") ? { status: 404, after: 10 } : { body: `<p>${url}`, headers: HTML, after: 10 };
}

function failures(articles: readonly FollowedArticle[]): Map<string, string> {
  return new Map(articles.map((it) => [it.url, it.ok ? "read" : `${it.failure.kind}: ${it.failure.message}`]));
}

test("links are followed, and what they lead to is told", async () => {
  const { articles, counts, web } = await follow(["https://a.example/1#top", "https://b.example/2"], articlesAt);
  expect(articles.map((it) => (it.ok ? [it.url, it.source, it.article.text] : it.failure))).toEqual([
    ["https://a.example/1#top", "https://feed.example/", "<p>https://a.example/1"],
    ["https://b.example/2", "https://feed.example/", "<p>https://b.example/2"],
  ]);
  expect(counts).toEqual({ read: 2, failed: 0, bytes: articles.reduce((sum, { bytes }) => sum + bytes, 0) });
  expect(articles[0]).toMatchObject({ at: Date.UTC(2000, 0, 1) + 1020, redirects: [], tries: 1, bytes: 22 });
  expect(web.most.get("a.example")).toBe(1);
});

test("an address that stands twice is asked for once, and what is no address has failed at once", async () => {
  const urls = ["https://a.example/1", "https://a.example/1#again", "mailto:a@a.example", "nonsense"];
  const { articles, web } = await follow(urls, articlesAt);
  expect(web.asked.map(({ url }) => url)).toEqual(["https://a.example/robots.txt", "https://a.example/1"]);
  expect(articles.map((it) => (it.ok ? it.url : `${it.url}: ${it.failure.kind}`))).toEqual([
    "mailto:a@a.example: url",
    "nonsense: url",
    "https://a.example/1",
  ]);
});

test("robots.txt is asked for first, once a host, and what it forbids is not asked for", async () => {
  const urls = ["https://a.example/1", "https://a.example/private/2", "https://a.example/3"];
  const { articles, web } = await follow(urls, (url) =>
    url.endsWith("/robots.txt") ? { body: "User-agent: rondo-news\nDisallow: /private/\n" } : articlesAt(url),
  );
  expect(web.asked.map(({ url }) => new URL(url).pathname)).toEqual(["/robots.txt", "/1", "/3"]);
  expect(failures(articles).get("https://a.example/private/2")).toBe(
    "robots: robots.txt of a.example forbids it (line 2: Disallow: /private/)",
  );
  expect(articles.find((it) => !it.ok)).toMatchObject({ later: false });
});

test("where the rules cannot be had nothing is asked for, and it is said that this may pass", async () => {
  const { articles, web } = await follow(["https://a.example/1", "https://a.example/2"], (url) =>
    url.endsWith("/robots.txt") ? { status: 503 } : articlesAt(url),
  );
  expect(web.asked).toHaveLength(1);
  expect(articles).toMatchObject([
    { ok: false, later: true, failure: { kind: "robots", message: "a.example answers HTTP 503 for its robots.txt" } },
    { ok: false, later: true },
  ]);
});

test("a second lies between the end of a request to a host and the next one, robots.txt being one", async () => {
  const { web } = await follow(["https://a.example/1", "https://a.example/2", "https://a.example/3"], articlesAt);
  expect(web.asked.map(({ at }) => at)).toEqual([0, 1010, 2020, 3030]);
});

test("a crawl delay is obeyed, up to a limit, for our own name", async () => {
  const slow =
    (seconds: number) =>
    (url: string): Answer =>
      url.endsWith("/robots.txt") ? { body: `user-agent: *\ncrawl-delay: ${seconds}\n` } : articlesAt(url);
  const urls = ["https://a.example/1", "https://a.example/2"];
  expect((await follow(urls, slow(5))).web.asked.map(({ at }) => at)).toEqual([0, 5000, 10_010]);
  expect((await follow(urls, slow(0.2))).web.asked.map(({ at }) => at)).toEqual([0, 1000, 2010]);
  const { web } = await follow(urls, slow(86_400), { longestDelay: 20_000 });
  expect(web.asked.map(({ at }) => at)).toEqual([0, 20_000, 40_010]);
});

test("hosts do not wait for each other, and a slow one with many links holds one slot", async () => {
  const urls = Array.from({ length: 20 }, (_, at) => `https://slow.example/${at}`);
  const others = Array.from({ length: 10 }, (_, at) => `https://h${at}.example/`);
  const { web } = await follow(
    [...urls, ...others],
    (url) => ({ ...articlesAt(url), after: url.includes("slow") ? 10_000 : 10 }),
    { concurrency: 3 },
  );
  const last = Math.max(...web.asked.filter(({ url }) => !url.includes("slow")).map(({ at }) => at));
  expect(last).toBeLessThan(10_000);
  expect(web.most.get("slow.example")).toBe(1);
});

test.each([
  ["asked for a rest", { status: 503, headers: { "retry-after": "20" } }, ""],
  ["has a long crawl delay", { body: "<p>a", headers: HTML }, "user-agent: *\ncrawl-delay: 20\n"],
])("a host that %s holds no slot meanwhile: others are asked", async (_, first, rules) => {
  const urls = ["https://a.example/1", "https://a.example/2", ...[1, 2, 3, 4].map((at) => `https://b.example/${at}`)];
  const answer = (url: string): Answer => {
    if (url === "https://a.example/robots.txt") return { body: rules };
    return url === "https://a.example/1" ? first : articlesAt(url);
  };
  const { web } = await follow(urls, answer, { concurrency: 1, tries: 1 });
  const at = (url: string): number => web.asked.find((asked) => asked.url === url)?.at ?? Number.NaN;
  expect(at("https://b.example/4") - at("https://a.example/1")).toBeLessThan(10_000);
  expect(at("https://a.example/2") - at("https://a.example/1")).toBe(20_000);
});

test("redirects are followed, and the rules of where they lead are asked for and obeyed", async () => {
  const answer = (url: string): Answer => {
    if (url === "https://b.example/robots.txt") return { body: "user-agent: *\ndisallow: /closed\n" };
    if (url.includes("/to-")) {
      return { status: 302, headers: { location: `//b.example/${url.endsWith("open") ? "open" : "closed"}` } };
    }
    return articlesAt(url);
  };
  const { articles, web } = await follow(["https://a.example/to-open", "https://a.example/to-closed"], answer);
  expect(articles).toMatchObject([
    { ok: true, redirects: ["https://b.example/open"], article: { title: "https://b.example/open" } },
    { ok: false, redirects: ["https://b.example/closed"], failure: { kind: "robots" } },
  ]);
  expect(web.asked.some(({ url }) => url === "https://b.example/closed")).toBe(false);
});

test("a redirect within a host waits for its turn like every request", async () => {
  const { web } = await follow(["http://a.example/1"], (url) =>
    url === "http://a.example/1" ? { status: 301, headers: { location: "/2" }, after: 10 } : articlesAt(url),
  );
  expect(web.asked.map(({ url, at }) => `${new URL(url).pathname} ${at}`)).toEqual([
    "/robots.txt 0",
    "/1 1010",
    "/2 2020",
  ]);
});

test.each([
  ["/circle", "redirected in a circle"],
  ["/far/0", "redirected more than 2 times"],
  ["/nowhere", "redirected to ftp:, and only http and https can be downloaded"],
])("a redirect that leads nowhere is that article's failure: %s", async (path, says) => {
  const answer = (url: string): Answer => {
    const { pathname } = new URL(url);
    const to = { "/circle": "/round", "/round": "/circle", "/nowhere": "ftp://a.example/" }[pathname];
    const far = /^\/far\/(\d+)/.exec(pathname)?.[1];
    if (to === undefined && far === undefined) return articlesAt(url);
    return { status: 302, headers: { location: to ?? `/far/${Number(far) + 1}` } };
  };
  const { articles } = await follow([`https://a.example${path}`, "https://a.example/good"], answer, { redirects: 2 });
  expect(articles.map(({ ok }) => ok)).toEqual([false, true]);
  expect(failures(articles).get(`https://a.example${path}`)).toContain(`redirect: ${says}`);
});

test("only HTML is read, and the body of what is none is not waited for", async () => {
  const endless = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
  const { articles, web } = await follow(["https://a.example/paper"], (url) =>
    url.endsWith("/paper") ? { headers: { "content-type": "application/pdf" }, body: endless } : articlesAt(url),
  );
  expect(failures(articles).get("https://a.example/paper")).toBe(
    "not-text: this is application/pdf, and only HTML is read",
  );
  expect(web.open.get("all")).toBe(0);
});

test("a body is read up to its limit, and what finds the text is told that it was cut", async () => {
  let cut: boolean | undefined;
  const told: Extract = (page) => {
    cut = page.cut;
    return extract(page);
  };
  const { articles } = await follow(["https://a.example/1"], articlesAt, { bodyLimit: 10, extract: told });
  expect(articles).toMatchObject([{ ok: true, article: { text: "<p>https:/" } }]);
  expect(cut).toBe(true);
});

test("an article that is not there, or in which nothing is found, fails alone", async () => {
  const finding: Extract = function* (page) {
    if (page.url.endsWith("/empty")) throw new SourceError("empty", "there is no text in this page");
    return yield* extract(page);
  };
  const urls = ["gone", "empty", "good"].map((path) => `https://a.example/${path}`);
  const answer = (url: string): Answer => (url.endsWith("/gone") ? { status: 410 } : articlesAt(url));
  const { articles, counts } = await follow(urls, answer, { extract: finding });
  expect([...failures(articles).values()]).toEqual([
    "status: a.example answers HTTP 410",
    "empty: there is no text in this page",
    "read",
  ]);
  expect(counts).toMatchObject({ read: 1, failed: 2 });
});

test("what may pass is tried again after a back-off, and Retry-After makes that longer for everybody at the host", async () => {
  const answer = (url: string, times: number): Answer => {
    if (url.endsWith("/busy") && times === 0) return { status: 503, headers: { "retry-after": "7" }, after: 10 };
    return articlesAt(url);
  };
  const { articles, web } = await follow(["https://a.example/busy", "https://a.example/2"], answer);
  expect(web.asked.map(({ url, at }) => `${new URL(url).pathname} ${at}`)).toEqual([
    "/robots.txt 0",
    "/busy 1010",
    "/busy 8020",
    "/2 9030",
  ]);
  expect(articles).toMatchObject([
    { ok: true, tries: 2 },
    { ok: true, tries: 1 },
  ]);
});

test("a host that asks to be left alone for long is left alone, for the rest of the run and in later ones", async () => {
  const manners = new Manners();
  const date = new Date(Date.UTC(2000, 0, 1, 2)).toUTCString();
  const answer = (url: string): Answer =>
    url.endsWith("/robots.txt") ? articlesAt(url) : { status: 429, headers: { "retry-after": date }, after: 10 };
  const host = new VirtualHost();
  const first = await follow(["https://a.example/1", "https://a.example/2"], answer, { manners }, host);
  expect(first.web.asked).toHaveLength(2);
  expect([...failures(first.articles).values()]).toEqual([
    "asked-to-wait: a.example asks to be left alone for 120 min",
    "asked-to-wait: a.example asks to be left alone for 120 min",
  ]);
  expect(first.articles.every((it) => !it.ok && it.later)).toBe(true);
  const second = await follow(["https://a.example/1"], answer, { manners }, host);
  expect(second.web.asked).toHaveLength(0);
  host.advance(2 * 3_600_000);
  const third = await follow(["https://a.example/1"], articlesAt, { manners }, host);
  expect(third.articles).toMatchObject([{ ok: true }]);
});

test("a host that never answers fails after its tries, and nothing else waits for it", async () => {
  const answer = (url: string): Answer =>
    url.includes("//mute.") && !url.endsWith("/robots.txt") ? { after: Infinity } : articlesAt(url);
  const urls = ["https://mute.example/1", "https://a.example/1"];
  const { articles, web } = await follow(urls, answer, { tries: 2, timeout: 5000 });
  expect([...failures(articles)]).toEqual([
    ["https://a.example/1", "read"],
    ["https://mute.example/1", "timeout: no whole answer from mute.example within 5 s"],
  ]);
  expect(web.open.get("all")).toBe(0);
});

test("what onArticle throws ends everything and is thrown", async () => {
  const full = new Error("the disk is full");
  const onArticle = (): void => {
    throw full;
  };
  await expect(follow(["https://a.example/1", "https://b.example/1"], articlesAt, { onArticle })).rejects.toBe(full);
});

// ---- random webs and schedules -------------------------------------------------------------------------------------

/** A web of few hosts with much between them: redirects to each other, slow answers, rules, failures. */
function randomWeb(seed: number): {
  answer: (url: string, times: number) => Answer;
  after: (url: string, times: number) => number;
} {
  const drawn = (url: string, times: number, n: number): number => {
    let hash = seed ^ (times * 0x9e3779b1);
    for (let at = 0; at < url.length; at++) hash = Math.imul(hash ^ url.charCodeAt(at), 0x01000193);
    return ((hash ^ (hash >>> 15)) >>> 0) % n;
  };
  const after = (url: string, times: number): number => drawn(`${url} late`, times, 3000);
  const answer = (url: string, times: number): Answer => {
    const late = { after: after(url, times) };
    const to = `https://h${drawn(`${url} host`, 0, 4)}.example`;
    const fate = drawn(url, times, 12);
    if (url.endsWith("/robots.txt")) {
      if (fate < 3) return { ...late, status: 302, headers: { location: `${to}/robots.txt` } };
      if (fate < 4) return { ...late, status: 500 };
      return { ...late, body: fate < 7 ? "user-agent: *\ncrawl-delay: 4\ndisallow: /3\n" : "" };
    }
    if (fate < 4) return { ...late, status: 302, headers: { location: `${to}/${drawn(url, times, 6)}` } };
    if (fate < 5) return { ...late, status: 503, headers: { "retry-after": "2" } };
    if (fate < 6) return { ...late, status: 404 };
    return { ...late, body: `<p>${url}`, headers: HTML };
  };
  return { answer, after };
}

const links = fc.array(
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 5 })).map(([host, page]) => `https://h${host}.example/${page}`),
  { minLength: 1, maxLength: 16 },
);

/** What every web and schedule has to show: one request at a time for each host, and a rest between two. */
function expectManners(web: Web, after: (url: string, times: number) => number): void {
  const byHost = new Map<string, { begun: number; ended: number }[]>();
  const times = new Map<string, number>();
  for (const { url, at } of web.asked) {
    const before = times.get(url) ?? 0;
    times.set(url, before + 1);
    const { host } = new URL(url);
    const list = byHost.get(host) ?? [];
    byHost.set(host, [...list, { begun: at, ended: at + after(url, before) }]);
  }
  for (const [host, list] of byHost) {
    expect(web.most.get(host)).toBe(1);
    for (let at = 1; at < list.length; at++) {
      expect((list[at]?.begun ?? 0) - (list[at - 1]?.ended ?? 0)).toBeGreaterThanOrEqual(1000);
    }
  }
}

test("under any schedule a host gets one request at a time and its rest, and every link has one end", async () => {
  await fc.assert(
    fc.asyncProperty(
      links,
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 5 }),
      async (urls, seed, schedule, concurrency) => {
        const { answer, after } = randomWeb(seed);
        const host = new VirtualHost({ seed: schedule });
        const { web, articles } = await follow(urls, answer, { concurrency, tries: 2 }, host);
        expectManners(web, after);
        expect(articles.map(({ url }) => url).toSorted()).toEqual([...new Set(urls)].toSorted());
        expect(host.reports).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

test("cancelled at any moment it leaves nothing behind, and what it knows of hosts still serves", async () => {
  await fc.assert(
    fc.asyncProperty(links, fc.nat(), fc.nat(), fc.nat({ max: 20_000 }), async (urls, seed, schedule, when) => {
      const { answer, after } = randomWeb(seed);
      const host = new VirtualHost({ seed: schedule });
      const manners = new Manners();
      const cut = await follow(urls, answer, { manners, concurrency: 3 }, host, () => sleep(when) as never);
      expect(cut.web.open.get("all") ?? 0).toBe(0);
      expect(cut.articles.length).toBeLessThanOrEqual(urls.length);
      const begun = host.now();
      const again = await follow(urls, answer, { manners, tries: 1, concurrency: 3 }, host);
      expectManners(again.web, after);
      // The host that was being asked when it was cancelled has its rest, too.
      for (const { url, at } of cut.web.asked.filter(({ aborted }) => aborted)) {
        const next = again.web.asked.find((asked) => new URL(asked.url).host === new URL(url).host);
        expect(next === undefined || next.at >= begun + 1000 || next.at >= at + 1000).toBe(true);
      }
      expect(again.articles).toHaveLength(new Set(urls).size);
      expect(host.reports).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("many articles cost tasks for those in work, not for those that wait", { tags: ["long"] }, async () => {
  const urls = Array.from({ length: 3000 }, (_, at) => `https://h${at % 1500}.example/${at}`);
  const { counts, web } = await follow(urls, articlesAt, { concurrency: 50 });
  expect(counts?.read).toBe(3000);
  expect(web.most.get("all")).toBeLessThanOrEqual(50);
});
