import { group, run, VirtualHost } from "rondo";
import { expect, test } from "vitest";
import { type Answer, feed, Web } from "../tests/web.ts";
import { findFeeds, type FindOptions, findSource, type FoundSource, fromWebFetch, SourceError } from "./index.ts";

const SITE = "https://a.example/";
const urls = (html: string, url = SITE): string[] => findFeeds(html, url).map((found) => found.url);
const link = (href: string, rest = 'type="application/rss+xml"'): string =>
  `<link rel="alternate" ${rest} href="${href}">`;

/** Looks for a feed in a web of the test's own, in virtual time. */
async function look(
  answers: Readonly<Record<string, Answer | string>>,
  url = SITE,
  options: FindOptions = {},
): Promise<{ found: FoundSource; web: Web }> {
  const web = new Web((asked) => {
    const answer = answers[asked.replace(SITE, "/")] ?? answers[asked] ?? { status: 404 };
    return typeof answer === "string" ? { body: answer } : answer;
  });
  const found = await run(
    () =>
      group(function* (g) {
        g.spawn(web.serve(), { daemon: true });
        return yield* findSource(url, { fetch: fromWebFetch(web.fetch), ...options });
      }),
    { host: new VirtualHost() },
  );
  return { found, web };
}

test.each([
  [link("/feed")],
  ['<link href=/feed type="application/atom+xml; charset=utf-8" rel="ALTERNATE home">'],
  ["<link rel=alternate type=application/feed+json href=/feed>"],
  ['<link rel="feed" href="/feed">'],
  ['<head><base href="https://a.example/"><link rel="alternate" type="text/xml" href="feed"></head>'],
  ['<a href="/feed">All the news</a>'],
  ['<a href="feed:https://a.example/feed">x</a>'],
  ['<a href="feed://a.example/feed"></a>', "http://a.example/feed"],
  ['<a type="application/rss+xml" href="/subscribe">news</a>', "https://a.example/subscribe"],
  ['<a href="/subscribe"><b>RSS</b> feeds</a>', "https://a.example/subscribe"],
  ['<a href="/subscribe"><img src="x.png" alt="RSS"></a>', "https://a.example/subscribe"],
  ['<a href="/?feed=rss2">x</a>', "https://a.example/?feed=rss2"],
  ['<a href="/news.rss">x', "https://a.example/news.rss"],
  ['<a href="//feeds.example.net/a">x</a>', "https://feeds.example.net/a"],
  ['<a href="/index.xml#top">x</a>', "https://a.example/index.xml"],
])("%s leads to a feed", (html, url = "https://a.example/feed") => expect(urls(html)).toEqual([url]));

test.each([
  ['<link rel="stylesheet" href="/feed">'],
  ['<link rel="alternate" hreflang="de" href="/de/">'],
  ['<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/1">'],
  ['<link rel="alternate" type="text/xml+oembed" href="/oembed?url=x">'],
  ['<link rel="alternate stylesheet" type="application/rss+xml" href="/x">'],
  [link("javascript:void(0)")],
  [link("https://user:pass@a.example/feed")],
  ['<a href="/feedback">Feedback</a>'],
  ['<a href="/breakfast">x</a>'],
  ['<a href="/sitemap.xml">x</a>'],
  ['<a href="/img/rss.png">x</a>'],
  ['<a href="https://reader.example/subscribe/feed/https%3A%2F%2Fa.example%2Ffeed">x</a>'],
  ['<a href="mailto:rss@a.example">RSS</a>'],
  ["<a>RSS</a>"],
  ["<!-- <link rel=alternate type=application/rss+xml href=/feed> -->"],
  ["<script>'<a href=/feed>'</script>"],
])("%s does not", (html) => expect(urls(html)).toEqual([]));

test("what is declared comes before what only looks like a feed, and comments come last", () => {
  const page = `<a href="/rss/all">RSS</a>
    ${link("/comments/feed/", 'type="application/rss+xml" title="A » Comments Feed"')}
    ${link("/feed/", 'type="application/rss+xml" title=" The\n A "')}${link("/atom/", 'type="application/atom+xml"')}
    <a href="/comments.rss">Comments</a> <a href="/feed/#again">again</a>`;
  expect(findFeeds(page, "https://a.example/x/y")).toEqual([
    { url: "https://a.example/feed/", title: "The A", by: "link" },
    { url: "https://a.example/atom/", title: undefined, by: "link" },
    { url: "https://a.example/rss/all", title: "RSS", by: "anchor" },
    { url: "https://a.example/comments/feed/", title: "A » Comments Feed", by: "link" },
    { url: "https://a.example/comments.rss", title: "Comments", by: "anchor" },
  ]);
});

test("addresses are relative to the page's base, where it has a good one", () => {
  expect(urls(`<base href="/b/">${link("feed")}`, "https://a.example/x/y")).toEqual(["https://a.example/b/feed"]);
  expect(urls(`<base href="http://[">${link("feed")}`, "https://a.example/x/y")).toEqual(["https://a.example/x/feed"]);
});

test("an address of a feed is that feed", async () => {
  const { found, web } = await look({ "/": feed("The A") });
  expect(found).toEqual({
    url: SITE,
    kind: "rss",
    title: "The A",
    feeds: [{ url: SITE, title: "The A", by: "itself" }],
    tried: [{ url: SITE, result: "a feed of 1 articles (The A)" }],
  });
  expect(web.asked).toHaveLength(1);
});

test("of a page, the first of its feeds that is one is taken, the others are named, and what was tried is told", async () => {
  const page = `<title>Home</title>${link("/gone")}${link("/page")}${link("/feed")}${link("/other")}<a href="/rss">RSS</a>`;
  const { found, web } = await look({ "/": page, "/page": "<title>Not it</title>", "/feed": feed("The A") });
  expect(found.feeds).toEqual([
    { url: `${SITE}feed`, title: "The A", by: "link" },
    { url: `${SITE}other`, title: undefined, by: "link" },
    { url: `${SITE}rss`, title: "RSS", by: "anchor" },
  ]);
  expect([found.kind, found.title]).toEqual(["page", "Home"]);
  expect(found.tried).toEqual([
    { url: SITE, result: "a page (Home)" },
    { url: `${SITE}gone`, result: "a.example answers HTTP 404" },
    { url: `${SITE}page`, result: "a page (Not it)" },
    { url: `${SITE}feed`, result: "a feed of 1 articles (The A)" },
  ]);
  expect(web.most.get("all")).toBe(1);
  expect(web.asked.map(({ at }) => at)).toEqual([0, 250, 500, 750]);
});

test("a page that names no feed is asked for one in the usual places, near it first, each once", async () => {
  const { found, web } = await look(
    { "/blog/today": "<title>Blog</title>", "/atom.xml": feed("There") },
    `${SITE}blog/today`,
  );
  expect(found.feeds).toEqual([{ url: `${SITE}atom.xml`, title: "There", by: "guess" }]);
  expect(web.asked.map(({ url }) => url.slice(SITE.length - 1))).toEqual([
    "/blog/today",
    "/blog/feed",
    "/blog/rss.xml",
    "/blog/atom.xml",
    "/blog/feed.xml",
    "/feed",
    "/rss.xml",
    "/atom.xml",
  ]);
});

test("a page without a feed is told to be one, with everything that was tried", async () => {
  const { found, web } = await look({ "/": `<title>Home</title><a href="/rss">RSS</a>` });
  expect(found).toMatchObject({ url: SITE, kind: "page", title: "Home", feeds: [] });
  expect(found.tried.map(({ url }) => url)).toEqual([
    SITE,
    ...["rss", "feed", "rss.xml", "atom.xml", "feed.xml", "index.xml", "feed.json"].map((name) => SITE + name),
  ]);
  expect(web.asked).toHaveLength(8);
});

test("a server that is in trouble or wants to be left alone is asked no more", async () => {
  for (const answer of [{ status: 429 }, { status: 503 }, { after: Infinity }]) {
    const { found, web } = await look({ "/": "<title>Home</title>", "/feed": answer }, SITE, { timeout: 1000 });
    expect(found.feeds).toEqual([]);
    expect(web.asked).toHaveLength(2);
    expect(web.open.get("all")).toBe(0);
    const claimed = await look({ "/": link("/x") + link("/y"), "/x": answer }, SITE, { timeout: 1000 });
    expect(claimed.web.asked).toHaveLength(2);
  }
});

test("no more than five of a page's claims are believed", async () => {
  const page = Array.from({ length: 40 }, (_, at) => link(`/${at}`)).join("");
  const { web } = await look({ "/": page });
  expect(web.asked.length).toBe(1 + 5 + 7);
});

test("redirects are followed, and what the page says is relative to where they led", async () => {
  const { found } = await look({
    "/": { status: 301, headers: { location: "https://b.example/home/" } },
    "https://b.example/home/": link("feed"),
    "https://b.example/home/feed": { status: 302, headers: { location: "/f" } },
    "https://b.example/f": feed("B"),
  });
  expect(found.url).toBe("https://b.example/home/");
  // What is subscribed to is the address that the page gives: where it leads to may be another place tomorrow.
  expect(found.feeds[0]?.url).toBe("https://b.example/home/feed");
  const circle = look({ "/": { status: 302, headers: { location: "/" } } }, SITE, { redirects: 3 });
  await expect(circle).rejects.toThrow("redirected more than 3 times");
});

test.each([
  [{ status: 500 }, "status", "a.example answers HTTP 500"],
  [{ after: Infinity }, "timeout", "no answer from a.example within 15 s"],
  ["<?xml version='1.0'?><urlset>", "unknown-document", "this is a sitemap, neither a feed nor a page"],
] as const)("an address that gives %j is an error", async (answer, kind, message) => {
  const error: unknown = await look({ "/": answer }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SourceError);
  expect(error).toMatchObject({ kind, message });
});

test("an address that is none is refused before anything is asked", async () => {
  await expect(look({}, "a.example")).rejects.toThrow("did you mean https://a.example");
});

test("a page that nests without end is looked through as far as pages go", () => {
  const deep = "<div>".repeat(100_000);
  expect(urls(`${link("/feed")}${deep}${link("/late")}`)).toEqual([`${SITE}feed`]);
  expect(urls(`${"<p><br><b>x</b></p>".repeat(5000)}${link("/feed")}`)).toEqual([`${SITE}feed`]);
});
