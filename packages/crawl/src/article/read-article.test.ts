import { expect, test } from "vitest";
import { SourceError } from "../failure.ts";
import { type ExtractedArticle, readArticle } from "./read-article.ts";

const URL_OF_PAGE = "https://news.example/2026/storm";

function read(html: string, headers: { contentType?: string; contentLanguage?: string } = {}): ExtractedArticle {
  const { contentType, contentLanguage } = headers;
  return readArticle({ url: URL_OF_PAGE, bytes: Buffer.from(html), contentType, contentLanguage, cut: false });
}

const PARAGRAPHS = [
  "A storm is coming to the northern coast, and those who live there have been asked to stay at home until the morning.",
  "The harbour was closed at noon, ferries stay where they are, and the bridge to the island will follow in the evening.",
  "It is the third storm of this winter, said the weather service, and by its measurements the strongest in twelve years.",
];

function page(head = "", attributes = ""): string {
  const menu = Array.from({ length: 12 }, (_, at) => `<li><a href="/${at}">Section ${at}</a>`).join("");
  return `<!doctype html><html ${attributes}><head><title>Storm warning - News Example</title>${head}</head><body>
    <nav><ul>${menu}</ul></nav>
    <article><h1>Storm warning</h1><p>${PARAGRAPHS.join("</p><p>")}</p></article>
    <footer>Imprint and cookies</footer><script>document.write("scripted")</script></body></html>`;
}

test("the article is found, without what stands around it", () => {
  const { text, from, title } = read(page());
  expect(text).toBe(PARAGRAPHS.join("\n"));
  expect([from, title]).toEqual(["article", "Storm warning - News Example"]);
});

test("words are those of title and text, folded, and none of two paragraphs run into one", () => {
  const { words } = read(page());
  expect(words.get("storm")).toBe(3);
  expect(words.get("morning")).toBe(1);
  expect(words.get("section")).toBeUndefined();
  expect([...words.keys()].some((word) => word.includes("morningthe"))).toBe(false);
});

test("language: what the page says of itself, and else what its header says", () => {
  expect(read(page("", "lang=en-GB"), { contentLanguage: "de" }).language).toBe("en-GB");
  expect(read(page('<meta property="og:locale" content="pt_BR">'), { contentLanguage: "de" }).language).toBe("pt-BR");
  expect(read(page(), { contentLanguage: "de, en" }).language).toBe("de");
  expect(read(page("", 'lang="what ever"')).language).toBeUndefined();
});

test.each([
  ["a meta element", '<meta property="article:published_time" content="2026-02-03T04:05:06+01:00">'],
  ["another one", '<meta name="DC.date.issued" content="2026-02-03T03:05:06Z">'],
  [
    "JSON-LD",
    '<script type="application/ld+json">{"@type":"NewsArticle","datePublished":"2026-02-03T03:05:06Z"}</script>',
  ],
  [
    "a graph in JSON-LD",
    '<script type="application/ld+json">{"@graph":[{"@type":"WebSite"},{"datePublished":"2026-02-03T03:05:06Z"}]}</script>',
  ],
  [
    "JSON-LD behind some that is broken",
    '<script type="application/ld+json">{"datePublished":</script><script type="application/ld+json">[{"datePublished":"2026-02-03T03:05:06Z"}]</script>',
  ],
  ["a time element", '<time itemprop="datePublished" datetime="2026-02-03T03:05:06Z">today</time>'],
])("the time of publication is found in %s", (_, head) => {
  expect(read(page(head)).published).toBe(Date.UTC(2026, 1, 3, 3, 5, 6));
});

test("a time that is none is none, and the next one is looked at", () => {
  const none = '<meta property="article:published_time" content="yesterday">';
  expect(read(page(none)).published).toBeUndefined();
  expect(read(page(`${none}<meta name="date" content="2026-02-03">`)).published).toBe(Date.UTC(2026, 1, 3));
});

test.each([
  ['<link rel="canonical" href="/storm#top">', "https://news.example/storm"],
  [
    '<base href="https://www.news.example/a/"><link rel="nofollow Canonical" href="storm">',
    "https://www.news.example/a/storm",
  ],
  ['<link rel="canonical" href="javascript:void(0)">', undefined],
  ['<link rel="canonical" href="http://">', undefined],
  ['<link rel="stylesheet" href="/style">', undefined],
])("the canonical address: %s", (head, canonical) => {
  expect(read(page(head)).canonical).toBe(canonical);
});

test("the author is found", () => {
  expect(read(page('<meta name="author" content=" Ada\n Lovelace ">')).byline).toBe("Ada Lovelace");
});

test("a page in another charset is read in it", () => {
  const html = Buffer.from(page().replace("A storm", "Ein \u00D6rkan"), "latin1");
  const article = readArticle({
    url: URL_OF_PAGE,
    bytes: html,
    contentType: "text/html; charset=iso-8859-1",
    contentLanguage: undefined,
    cut: false,
  });
  expect(article.text.startsWith("Ein \u00D6rkan")).toBe(true);
});

test("a page without an html element is read like any other", () => {
  const { text, title } = read(`<title>Short</title><p>${PARAGRAPHS.join("<p>")}`);
  expect([text, title]).toEqual([PARAGRAPHS.join("\n"), "Short"]);
});

test.each([
  ["thousands deep", `<html><body>${"<div>".repeat(20_000)}deep down`, "deep down"],
  ["deep and closed", `<html><body>${"<i>".repeat(5000)}deep down${"</i>".repeat(5000)}`, "deep down"],
  ["of too many pieces", `<html><body>${"<p>deep down".repeat(50_000)}`, "deep down"],
  ["of three words", "<html><body><b>deep down here</b>", "deep down"],
])("a page %s gives the text that a reader would see", (_, html, text) => {
  const article = read(html);
  expect(article.text).toContain(text);
  expect(article.words.get("deep")).toBeGreaterThan(0);
});

test("a page whose shape no article has is not given to what looks for articles", () => {
  expect(read(`<html><body>${"<div>".repeat(250)}<article><p>${PARAGRAPHS.join("<p>")}</article>`).from).toBe("page");
  expect(read(`<html><body>${"<div>".repeat(50)}<article><p>${PARAGRAPHS.join("<p>")}</article>`).from).toBe("article");
});

test("scripts are neither run nor read", () => {
  const { text } = read(
    '<html><body><script>document.body.innerHTML = "written"; throw 1</script><p>Only this is text.',
  );
  expect(text).toBe("Only this is text.");
});

test.each([
  ["", "empty", "the body is empty"],
  ["<html><body><script>x()</script> \n", "empty", "there is no text in this page"],
  ["%PDF-1.7", "not-text", "this is a PDF file"],
  ['<rss version="2.0"><channel></channel></rss>', "unknown-document", "this is a feed (rss), and no article"],
  ["only words", "unknown-document", "this is plain text, neither a feed nor a page"],
])("%j is no article, and the error says what it is", (body, kind, message) => {
  let thrown: unknown;
  try {
    read(body);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SourceError);
  expect(thrown).toMatchObject({ kind, message });
});
