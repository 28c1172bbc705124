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
    articles: [{ title: "Un", link: "https://a.example/1", text: "bref" }],
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
    articles: [{ title: "一", link: "https://a.example/1", text: "二" }],
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
  expect(feed.articles).toEqual([{ title: undefined, link: "x", text: "" }]);
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

test("a feed cut off within its first article, and a JSON Feed cut off anywhere, cannot be read and say why", () => {
  const rss = refusal(() => readFeed("rss", "<rss version='2.0'><channel><item><description>endless", true));
  expect([rss.kind, rss.message]).toEqual([
    "malformed",
    "the first article of this feed is longer than what is read of a body",
  ]);
  expect(refusal(() => readFeed("json", '{"items": [', true)).kind).toBe("malformed");
});

test("JSON that is no feed, and a shell without a channel, are no documents we know", () => {
  expect(refusal(() => readFeed("json", '{"hello": 1}')).kind).toBe("unknown-document");
  expect(refusal(() => readFeed("json", "{nonsense")).kind).toBe("unknown-document");
  expect(refusal(() => readFeed("rss", "<rss version='2.0'></rss>")).message).toBe(
    "this starts as RSS, but has neither a channel nor an entry",
  );
});
