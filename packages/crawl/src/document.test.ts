import { expect, test } from "vitest";
import { readDocument } from "./document.ts";

const read = (text: string, contentType?: string, extra = {}): ReturnType<typeof readDocument> =>
  readDocument(new TextEncoder().encode(text), {
    url: "https://example.org/a",
    contentType: contentType ?? null,
    ...extra,
  });

test("what arrives decides, not what the header says", () => {
  expect(read('<rss version="2.0"><channel><title>T</title></channel></rss>', "text/html").kind).toBe("rss");
  const page = read("<title>Moved</title><p>here", "application/rss+xml; charset=utf-8");
  expect([page.kind, page.notes]).toEqual(["page", ["sent as application/rss+xml, but it is an HTML page"]]);
});

test("a page is one article, itself, and has links", () => {
  const page = read('<html lang=en><title>T</title><a href="/b">b</a>', "text/html");
  expect(page.articles).toEqual([{ title: "T", link: "https://example.org/a", text: expect.stringContaining("b") }]);
  expect(page.links()).toEqual(["https://example.org/b"]);
});

test("the header names the language where the document does not", () => {
  expect(read("<p>x", "text/html", { contentLanguage: "de, en" }).language).toBe("de");
  expect(read("<html lang=fr><p>x", "text/html", { contentLanguage: "de" }).language).toBe("fr");
});

test("characters before a feed and a feed without articles are noted", () => {
  expect(
    read('Notice: x <?xml version="1.0"?><rss version="2.0"><channel><title>T</title></channel></rss>').notes,
  ).toEqual(["10 characters stand before the feed", "the feed has no articles"]);
});

test("an XML declaration with an encoding is no obstacle once the text is decoded", () => {
  const bytes = Buffer.from(
    '<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><title>Not\u00edcias</title></channel></rss>',
    "latin1",
  );
  const feed = readDocument(bytes, { url: "https://example.org/" });
  expect([feed.title, feed.charset]).toEqual(["Notícias", "windows-1252"]);
});
