// Feeds that are broken in all the ways in which they are broken in the wild: what can be read of them is read, and that
// they are broken is said.

import { expect, test } from "vitest";
import { type Document, type DocumentKind, readDocument, readFeed, SourceError } from "./index.ts";
import { countEntries, salvage } from "./salvage.ts";

const entry = (title: string, rest = ""): string =>
  `<item><title>${title}</title><link>https://a.example/${title}</link><description>About ${title}</description>${rest}</item>`;
const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>The Feed</title><language>en</language>';
const TAIL = "</channel></rss>";
const read = (text: string): Document =>
  readDocument(new TextEncoder().encode(text), { url: "https://a.example/feed" });
const titles = (text: string): (string | undefined)[] => read(text).articles.map(({ title }) => title);
const MALFORMED = "this RSS document is malformed, and its entries were read one by one: ";

test.each([
  [
    "breaks off in an entry",
    HEAD + entry("one") + entry("two") + "<item><title>Th",
    "3 in all, the last of which breaks off and was left out",
  ],
  [
    "breaks off in a tag",
    HEAD + entry("one") + entry("two") + "<item><tit",
    "3 in all, the last of which breaks off and was left out",
  ],
  [
    "breaks off in a CDATA section",
    `${HEAD}${entry("one")}${entry("two")}<item><title><![CDATA[x</item>`,
    "3 in all, the last of which breaks off and was left out",
  ],
  [
    "has junk with markup behind it",
    `${HEAD}${entry("one")}${entry("two")}${TAIL}<script>if (a < b && c) <`,
    "2 in all",
  ],
  ["closes an entry twice", `${HEAD}${entry("one")}</item>${entry("two")}${TAIL}`, "2 in all"],
  ["comes twice", HEAD + entry("one") + TAIL + HEAD + entry("two") + TAIL, "2 in all"],
])("a feed that %s gives its whole entries", (_, text, note) => {
  expect(titles(text)).toEqual(["one", "two"]);
  expect(read(text)).toMatchObject({ kind: "rss", title: "The Feed", language: "en" });
  expect(read(text).notes).toEqual([MALFORMED + note]);
});

test.each([
  ["with an end of another tag", entry("two").replace("</title>", "</titel>"), "3 in all, 1 of them only loosely"],
  [
    "with an attribute without quotes",
    entry("two", "<enclosure url=x length=5 type=audio>"),
    "3 in all, 1 of them only loosely",
  ],
  [
    "whose tags have names that a parser refuses",
    entry("two", "<__proto__>x</__proto__>"),
    "3 in all, 1 of them only loosely",
  ],
  ["with no end", entry("two").replace("</item>", ""), "3 in all"],
  ["with a < in it that is none", entry("two", "<author>a < b <3</author>"), "3 in all"],
])("an entry %s costs the others nothing", (_, broken, note) => {
  const text = HEAD + entry("one") + broken + entry("three") + TAIL;
  expect(titles(text)).toEqual(["one", "two", "three"]);
  expect(read(text).articles[1]).toMatchObject({ link: "https://a.example/two", text: "About two" });
  expect(read(text).notes).toEqual([MALFORMED + note]);
});

test("an identifier of a loosely read entry is its link, unless it says that it is none", () => {
  const broken = (guid: string): string => `<item><title>x</titel>${guid}</item>`;
  const links = (guid: string): (string | undefined)[][] =>
    read(HEAD + broken(guid) + TAIL).articles.map(({ link, id }) => [link, id]);
  expect(links("<guid>https://a.example/1</guid>")).toEqual([["https://a.example/1", "https://a.example/1"]]);
  expect(links('<guid isPermaLink="true">/1</guid>')).toEqual([["/1", "/1"]]);
  expect(links('<guid isPermaLink="false">1</guid>')).toEqual([[undefined, "1"]]);
  expect(links("<guid\n a='b' ispermalink = 'false' >1</guid>")).toEqual([[undefined, "1"]]);
  expect(links('<guid isPermaLink="false">1</guid><link>/2</link>')).toEqual([["/2", "1"]]);
});

test("an entry that is broken beyond reading is left out and counted", () => {
  const text = `${HEAD}${entry("one")}<item><x y=>/</item>${entry("three")}${TAIL}`;
  expect(titles(text)).toEqual(["one", "three"]);
  expect(read(text).notes).toEqual([`${MALFORMED}3 in all, 1 of them could not be read at all`]);
});

test.each([
  [
    "bare ampersands and entities that nobody has declared",
    "R&D &foo; &nbsp;x &eacute; &#x; &#65;",
    "R&D &foo; x é &#x; A",
  ],
  ["control characters", "a\u0007b \u001b[31mred", "a b [31mred"],
  ["zeros", "a\u0000b", "a b"],
  ["CDATA with entities in it", "<![CDATA[R&D &amp; more]]>", "R&D & more"],
])("a title with %s is read, and nothing is malformed about it", (_, title, shown) => {
  const document = read(HEAD + entry(title) + TAIL);
  expect([document.articles[0]?.title, document.notes]).toEqual([shown, []]);
});

test("namespaces need not be declared", () => {
  const text = `<rss><channel><title>T</title><item><title>x</title><content:encoded>all of it</content:encoded><dc:date>2026-01-01T00:00:00Z</dc:date></item>${TAIL}`;
  expect(read(text).articles).toMatchObject([{ title: "x", text: "all of it", published: Date.UTC(2026, 0, 1) }]);
});

test.each([
  ["a second declaration", `<?xml version="1.0"?>\n${HEAD}`, ["22 characters stand before the feed"]],
  ["a warning", `<br />\n<b>Warning</b>: x() in /y.php\n${HEAD}`, ["37 characters stand before the feed"]],
  ["empty lines", `\n\n ${HEAD}`, []],
  ["comments and instructions", `<!-- <rss> --><?php x ?>${HEAD}`, ["24 characters stand before the feed"]],
])("%s before a feed is stepped over", (_, head, notes) => {
  const document = read(`${head}${entry("one")}${TAIL}\n<!-- made in 5 ms -->\n`);
  expect([document.articles.length, document.notes]).toEqual([1, notes]);
});

test("white space and comments behind a feed are nothing to tell", () => {
  expect(read(`${HEAD}${entry("one")}${TAIL}\n<!-- made in 5 ms -->\n `).notes).toEqual([]);
});

test("entries that are shown in an article or stand in a comment are none", () => {
  const shown = `<![CDATA[Write <item><title>x</title></item> and ${entry("two")}]]>`;
  const text = `${HEAD}<item><title>How to</title><description>${shown}</description></item><!-- ${entry("old")} -->${TAIL}`;
  expect([titles(text), read(text).notes]).toEqual([["How to"], []]);
  expect(titles(text.replace(TAIL, "<item><titl"))).toEqual(["How to"]);
});

test("empty entries are left out, and nothing is wrong with that", () => {
  expect(read(`${HEAD}${entry("one")}<item></item><item/>${TAIL}`)).toMatchObject({
    articles: [{ title: "one" }],
    notes: [],
  });
});

test.each([
  [
    "atom",
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><title>a</title><link href="/a"/><id>1</id></entry><entry><title>b</titel><link href="/b"/><id>2</id><updated>2026-01-02T00:00:00Z</updated></entry></feed>',
    [
      ["a", "/a", "1"],
      ["b", "/b", "2"],
    ],
  ],
  [
    "atom",
    '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>T</a:title><a:entry><a:title>a</a:title><a:id>1</a:id></a:entry><a:entry><a:title>b',
    [["a", "1", "1"]],
  ],
  [
    "rdf",
    '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><channel><title>T</title></channel><item rdf:about="/a"><title>a</title></item><item rdf:about="/b"><title>b',
    [["a", "/a", "/a"]],
  ],
  [
    "json",
    '{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"1","title":"a \\" [{","url":"/a"},{"id":"2"',
    [['a " [{', "/a", "1"]],
  ],
  ["json", '{"title":"T","items":[{"id":"1","title":"a","url":"/a"},],"x":}', [["a", "/a", "1"]]],
  ["json", '{"title":"T","items":[{"id":"1","title":"a\n\tb","url":"/a"}]}', [["a b", "/a", "1"]]],
] as const)("%s is read as far as it goes as well: %s", (kind, text, articles) => {
  const document = read(text);
  expect([document.kind, document.title]).toEqual([kind, "T"]);
  expect(document.articles.map(({ title, link, id }) => [title, link, id])).toEqual(articles);
  expect(document.notes).toEqual([expect.stringContaining("malformed")]);
});

test("a JSON Feed that is longer than what is read is read up to its last whole entry", () => {
  const text = '{"title":"T","items":[{"id":"1","title":"a"},{"id":"2","title":"b"},{"id":"3","tit';
  const feed = readFeed("json", text, true);
  expect([feed.articles.map(({ title }) => title), feed.notes]).toEqual([["a", "b"], []]);
});

test("a feed whose beginning is broken gives its entries and, where it can be found, its title", () => {
  const text = `<rss version="2.0"><channel><title>The &amp; Feed</titel><language>de</language>${entry("one")}${TAIL}`;
  expect(read(text)).toMatchObject({ title: "The & Feed", language: "de", articles: [{ title: "one" }] });
});

test.each([
  [`${HEAD}<item><title>On`, "this RSS document cannot be parsed"],
  [`${HEAD}${"<a>".repeat(100_000)}`, "this RSS document cannot be parsed"],
  ['{"items": [', "this JSON document cannot be parsed"],
])("where nothing can be read it is an error: %.40s", (text, message) => {
  const error: unknown = (() => {
    try {
      return read(text);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(SourceError);
  expect(error).toMatchObject({ kind: "malformed", message, cause: expect.any(Error) });
});

test("a feed that breaks off before its first entry is an error, and one without entries is not", () => {
  expect(() => read(HEAD)).toThrow("this RSS document breaks off before its first entry");
  expect(read(HEAD + TAIL).notes).toEqual(["the feed has no articles"]);
  expect(read('<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title></feed>').notes).toEqual([
    "the feed has no articles",
  ]);
});

const BOMB = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, at) => `<!ENTITY lol${at + 1} "${`&lol${at === 0 ? "" : at};`.repeat(10)}">`).join("")}]>`;

test.each([
  ["that grow a billion times", BOMB, "&lol9;"],
  ["of a file", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "&a;"],
  ["of another server", '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>', "&p;"],
  ["of their own", '<!DOCTYPE x [<!ENTITY a "hello">]>', "x &a; y"],
])("entities %s are neither fetched nor expanded", (_, type, title) => {
  const text = HEAD.replace("?>", `?>${type}`) + entry(title) + TAIL;
  expect(titles(text)).toEqual([title]);
  expect(read(text).notes).toEqual(["entities that it declares itself are not expanded"]);
});

/** What it takes to read entries of which each may be broken: how often the parser is asked, and for how much. */
function costOf(entries: readonly string[]): { parsings: number; characters: number; loose: number; titles: number } {
  const text = `<rss ${"x".repeat(3000)}><channel>${entries.join("")}</channel></rss>`;
  let parsings = 0;
  let characters = 0;
  const { feed, loose } = salvage("rss", text, (piece) => {
    parsings++;
    characters += piece.length;
    if (piece.includes("</titel>")) throw new Error("broken");
    return { ...readFeed("rss", piece), notes: undefined };
  });
  return { parsings, characters: characters / text.length, loose, titles: feed.articles.length };
}
const BROKEN = "<item><title>x</titel></item>";

test("a feed whose entries are all broken is parsed until that is plain", () => {
  const { parsings, characters, ...found } = costOf(Array.from({ length: 20_000 }, () => BROKEN));
  expect(found).toEqual({ loose: 20_000, titles: 20_000 });
  expect(parsings).toBeLessThan(60);
  expect(characters).toBeLessThan(5);
});

test("openings of entries and nothing else are parsed until that is plain as well", { tags: ["long"] }, () => {
  const { parsings, characters, titles: found } = costOf(Array.from({ length: 20_000 }, () => "<item>"));
  expect(found).toBe(0);
  expect(parsings).toBeLessThan(60);
  expect(characters).toBeLessThan(10);
});

test("a feed of many broken entries and some good ones is parsed a bounded number of times", () => {
  const mixed = (good: number): string[] =>
    Array.from({ length: 2000 }, (_, at) => (at === good ? entry("good") : BROKEN));
  const { parsings, characters, ...found } = costOf(mixed(1));
  expect(found).toEqual({ loose: 1999, titles: 2000 });
  expect(parsings).toBeGreaterThan(290);
  expect(parsings).toBeLessThan(310);
  expect(characters).toBeLessThan(20);
});

test("as long as there is hope each entry is parsed that can be", () => {
  const entries = [...Array.from({ length: 19 }, () => BROKEN), ...Array.from({ length: 60 }, () => entry("good"))];
  expect(costOf(entries)).toMatchObject({ loose: 19, titles: 79 });
});

test("entries are counted as the parser counts them", () => {
  const counted = (kind: Exclude<DocumentKind, "page" | "json">, text: string): number => countEntries(kind, text);
  expect(counted("rss", HEAD + entry("one") + entry("two") + TAIL)).toBe(2);
  expect(counted("rss", "<rss><items><itemx/></items><image/></rss>")).toBe(0);
  expect(counted("atom", "<a:feed><a:entry/><a:entry></a:entry><entries></entries></a:feed>")).toBe(2);
});
