import { expect, test } from "vitest";
import { SourceError } from "./failure.ts";
import { readFeed } from "./feed.ts";

function refusal(action: () => unknown): SourceError {
  try {
    action();
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error("it was read");
}

test("RSS 2.0 gives its title, language and articles, the longest text of each", () => {
  const feed = readFeed(
    "rss",
    `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>A &amp; B</title><language>en-us</language>
     <item><title>One</title><link>https://a.example/1</link><description>short</description>
       <content:encoded><![CDATA[<p>The whole <b>story</b></p>]]></content:encoded></item>
     <item><description>&lt;p&gt;Only a text&lt;/p&gt;</description></item></channel></rss>`,
  );
  expect(feed.title).toBe("A & B");
  expect(feed.language).toBe("en-us");
  expect(feed.articles.map(({ title, link, text }) => [title, link, text.trim()])).toEqual([
    ["One", "https://a.example/1", "The whole story"],
    [undefined, undefined, "Only a text"],
  ]);
});

test("Atom gives its entries, the link to the article and the language of its root", () => {
  const feed = readFeed(
    "atom",
    `<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr"><title type="html">L&amp;apos;Avis</title>
     <entry><title>Un</title><id>urn:1</id><link rel="self" href="https://a.example/self"/><link href="https://a.example/1"/><summary>bref</summary></entry></feed>`,
  );
  expect(feed).toEqual({
    title: "L'Avis",
    language: "fr",
    articles: [{ title: "Un", link: "https://a.example/1", text: "bref", id: "urn:1", published: undefined }],
    hints: {},
    notes: [],
  });
});

test("RSS 1.0 gives its items, which stand outside the channel", () => {
  const feed = readFeed(
    "rdf",
    `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
     <channel rdf:about="x"><title>T</title><dc:language>ja</dc:language></channel>
     <item rdf:about="https://a.example/1"><title>一</title><link>https://a.example/1</link><description>二</description></item></rdf:RDF>`,
  );
  expect(feed).toEqual({
    title: "T",
    language: "ja",
    articles: [
      { title: "一", link: "https://a.example/1", text: "二", id: "https://a.example/1", published: undefined },
    ],
    hints: {},
    notes: [],
  });
});

test("JSON Feed gives its items from HTML or from text", () => {
  const feed = readFeed(
    "json",
    JSON.stringify({
      version: "https://jsonfeed.org/version/1.1",
      title: "J",
      items: [
        { id: "1", url: "https://a.example/1", content_html: "<p>Hello</p>" },
        { id: "2", title: "Two", content_text: "a < b" },
      ],
    }),
  );
  expect(feed.articles.map(({ title, text }) => [title, text.trim()])).toEqual([
    [undefined, "Hello"],
    ["Two", "a < b"],
  ]);
});

test("an entry with anything in it counts, and one with nothing at all is no entry", () => {
  const feed = readFeed(
    "atom",
    '<feed xmlns="http://www.w3.org/2005/Atom"><entry><author></author></entry><entry><id>x</id></entry></feed>',
  );
  expect(feed.articles).toEqual([{ title: undefined, link: "x", text: "", id: "x", published: undefined }]);
});

test("a feed that breaks off is malformed, and the parser's words are its cause", () => {
  const error = refusal(() => readFeed("rss", "<rss version='2.0'><channel><title>x</title><item><description>cut he"));
  expect(error.kind).toBe("malformed");
  expect(error.message).toBe("this RSS document cannot be parsed");
  expect(error.cause).toBeInstanceOf(Error);
});

test("a feed that was cut off is read up to its last whole article", () => {
  const feed = readFeed(
    "rss",
    "<rss version='2.0'><channel><title>x</title><item><title>One</title></item><item><title>Two</title></item><item><title>Thr",
    true,
  );
  expect(feed.articles.map((article) => article.title)).toEqual(["One", "Two"]);
  const atom = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>1</title></entry><entry><content>";
  expect(readFeed("atom", atom, true).articles).toHaveLength(1);
});

test("a feed cut off within its first article cannot be read and says why", () => {
  const rss = refusal(() => readFeed("rss", "<rss version='2.0'><channel><item><description>endless", true));
  expect([rss.kind, rss.message]).toEqual([
    "malformed",
    "the first article of this feed is longer than what is read of a body",
  ]);
  const json = refusal(() => readFeed("json", '{"items": [{"id": "1"', true));
  expect([json.kind, json.message]).toEqual([
    "malformed",
    "this JSON Feed is longer than what is read of a body, and holds no whole entry before that",
  ]);
});

test("JSON that is no feed, and a shell without a channel, are no documents we know", () => {
  expect(refusal(() => readFeed("json", '{"hello": 1}')).kind).toBe("unknown-document");
  expect(refusal(() => readFeed("json", "{nonsense")).message).toBe("this JSON document cannot be parsed");
  expect(refusal(() => readFeed("rss", "<rss version='2.0'></rss>")).message).toBe(
    "this starts as RSS, but has neither a channel nor an entry",
  );
});

test("an article has the identifier and the date that its feed gives it, in whichever of the forms", () => {
  const rss = readFeed(
    "rss",
    `<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title>
     <item><guid isPermaLink="false">a-1</guid><pubDate>Sun, 22 Nov 2026 10:44:01 +0100</pubDate></item>
     <item><title>no guid</title><dc:date>2026-11-22T09:44:01Z</dc:date></item>
     <item><title>no date</title><pubDate>yesterday, about noon</pubDate></item></channel></rss>`,
  );
  const at = Date.UTC(2026, 10, 22, 9, 44, 1);
  expect(rss.articles.map(({ id, published }) => [id, published])).toEqual([
    ["a-1", at],
    [undefined, at],
    [undefined, undefined],
  ]);
  const atom = readFeed(
    "atom",
    `<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>
     <entry><id>urn:1</id><updated>2026-11-22T12:00:00Z</updated><published>2026-11-22T10:44:01+01:00</published></entry>
     <entry><id>urn:2</id><updated>2026-11-22T09:44:01Z</updated></entry></feed>`,
  );
  expect(atom.articles.map(({ id, published }) => [id, published])).toEqual([
    ["urn:1", at],
    ["urn:2", at],
  ]);
  const json = readFeed(
    "json",
    `{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"7","date_published":"2026-11-22T09:44:01Z"}]}`,
  );
  expect(json.articles.map(({ id, published }) => [id, published])).toEqual([["7", at]]);
});

test("a feed says how often to ask, and when not to", () => {
  const channel = (inner: string): string =>
    `<rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>T</title>${inner}<item><title>x</title></item></channel></rss>`;
  const hints = (inner: string): unknown => readFeed("rss", channel(inner)).hints;
  expect(hints("")).toEqual({});
  expect(hints("<ttl>60</ttl>")).toEqual({ every: 3_600_000 });
  expect(hints("<ttl>-5</ttl>")).toEqual({});
  expect(hints("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>")).toEqual({
    every: 1_800_000,
  });
  // The longer one is kept: asking too seldom annoys nobody.
  expect(hints("<ttl>5</ttl><sy:updatePeriod>daily</sy:updatePeriod>")).toEqual({ every: 86_400_000 });
  expect(hints("<skipHours><hour>0</hour><hour>24</hour><hour>13</hour><hour>99</hour></skipHours>")).toEqual({
    skipHours: [0, 0, 13],
  });
  expect(hints("<skipDays><day>Sunday</day><day>saturday</day><day>Someday</day></skipDays>")).toEqual({
    skipDays: [0, 6],
  });
  expect(hints("<skipHours>\n<hour> 3 </hour>\n</skipHours><skipDays><day>Saturday</day></skipDays>")).toEqual({
    skipHours: [3],
    skipDays: [6],
  });
  expect(hints("<skipHours><hour>soon</hour></skipHours><skipDays></skipDays>")).toEqual({});
  expect(hints("<skipHours>")).toEqual({});
});

test("an identifier that says it is no address is none", () => {
  const item = (guid: string): string => `<item><title>One</title>${guid}</item>`;
  const text = `<rss version="2.0"><channel><title>T</title>${item('<guid isPermaLink="false">https://a.example/1</guid>')}${item("<guid>https://a.example/2</guid>")}</channel></rss>`;
  expect(readFeed("rss", text).articles.map(({ link, id }) => [link, id])).toEqual([
    [undefined, "https://a.example/1"],
    ["https://a.example/2", "https://a.example/2"],
  ]);
});
