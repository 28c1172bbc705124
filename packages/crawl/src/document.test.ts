import * as fc from "fast-check";
import { expect, test } from "vitest";
import { SourceError } from "./failure.ts";
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

test("whatever arrives is read or refused by name, and nothing else is thrown", () => {
  const pieces = fc.constantFrom(
    ...[
      "<?xml version='1.0'?>",
      "<!DOCTYPE html>",
      "<!DOCTYPE x [",
      "<rss version='2.0'>",
      "<channel>",
      "<item>",
      "<title>",
      "</title>",
    ],
    ...[
      "</item>",
      "</channel>",
      "</rss>",
      "<feed xmlns='http://www.w3.org/2005/Atom'>",
      "<entry>",
      "<content type='xhtml'>",
      "</entry>",
    ],
    ...[
      "<rdf:RDF xmlns='http://purl.org/rss/1.0/'>",
      "<![CDATA[",
      "]]>",
      "&amp;",
      "&#x110000;",
      "&nope;",
      "<!--",
      "-->",
      "<",
      ">",
      '"',
    ],
    ...[
      "{",
      '{"version":"https://jsonfeed.org/version/1","items":[',
      '{"title":1}',
      "]}",
      "\uFEFF",
      "\0",
      "text",
      "東京",
      "<html lang=",
      "</p>",
    ],
  );
  const bytes = fc.oneof(
    fc.array(pieces, { maxLength: 25 }).map((parts) => new TextEncoder().encode(parts.join(""))),
    fc.uint8Array({ maxLength: 200 }),
  );
  const contentType = fc.constantFrom(
    "",
    "text/html; charset=utf-16",
    "text/xml; charset=shift_jis",
    "text/html; charset=x",
  );
  fc.assert(
    fc.property(bytes, contentType, fc.boolean(), (body, type, cut) => {
      try {
        const document = readDocument(body, { url: "https://example.org/", contentType: type, cut });
        return document.articles.every(({ text }) => typeof text === "string");
      } catch (error) {
        return error instanceof SourceError && error.message !== "";
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  [
    "a page to log in",
    "<title>Welcome</title><form><input name=u><input class=x type='password'>",
    'asks for a password ("Welcome")',
  ],
  [
    "an error page with a 200",
    "<title>404 - Page not found</title><p>Sorry",
    'an error page that says it is none ("404 - Page not found")',
  ],
  ["a page that checks who is there", "<title>Just a moment...</title>", "an error page"],
])("%s where a feed should be is a failure", (_, html, message) => {
  const bytes = Buffer.from(`<html>${html}`);
  for (const hints of [
    { url: "https://a.example/feed/" },
    { url: "https://a.example/news.rss" },
    { url: "https://a.example/", contentType: "application/rss+xml" },
  ]) {
    expect(() => readDocument(bytes, hints)).toThrow(expect.objectContaining({ kind: "unknown-document" }));
    expect(() => readDocument(bytes, hints)).toThrow(message);
  }
  // Where a page was asked for, a page is what it is.
  expect(readDocument(bytes, { url: "https://a.example/news" }).kind).toBe("page");
});

test("a page where a feed should be that is neither is read, with a note where its type lies", () => {
  const bytes = Buffer.from("<html><title>All our feeds</title>");
  expect(readDocument(bytes, { url: "https://a.example/feeds/" }).notes).toEqual([]);
});
