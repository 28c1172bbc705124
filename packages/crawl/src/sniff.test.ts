import { expect, test } from "vitest";
import { SourceError } from "./failure.ts";
import { requireText, sniff } from "./sniff.ts";

function refusal(action: () => unknown): SourceError {
  try {
    action();
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test.each([
  ["rss", '<rss version="2.0"><channel>'],
  ["rss", '\uFEFF  <?xml version="1.0"?>\n<?xml-stylesheet href="x.xsl"?><!-- <html> --><rss version="0.92">'],
  ["atom", '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">'],
  ["atom", '<atom:feed xmlns:atom="http://www.w3.org/2005/Atom">'],
  ["rdf", '<?xml version="1.0"?><!DOCTYPE rdf:RDF [<!ENTITY % x "y">]><rdf:RDF xmlns="http://purl.org/rss/1.0/">'],
  ["json", ' {"version": "https://jsonfeed.org/version/1.1"}'],
  ["page", "<!DOCTYPE html><html>"],
  ["page", '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd"><html xmlns="x">'],
  ["page", "<head><title>Document Moved</title></head>"],
  ["page", "<!doctype html><my-element>"],
  ["page", "Hello <b>there</b>, <p>you"],
  ["page", "<custom-tag>hi"],
])("%s is known by its first characters: %s", (kind, text) => {
  expect(sniff(text).kind).toBe(kind);
});

test("a page that talks about <rss> is a page", () => {
  expect(sniff("<html><body><pre> <rss version='2.0'><channel></pre>").kind).toBe("page");
});

test("what stands before a feed is stepped over", () => {
  const text = 'Warning: mysql_connect() in /x.php\n<?xml version="1.0"?><rss version="2.0">';
  const { kind, start } = sniff(text);
  expect([kind, text.slice(start, start + 5)]).toEqual(["rss", "<?xml"]);
});

test.each([
  ['<?xml version="1.0"?><urlset xmlns="x">', "this is a sitemap, neither a feed nor a page"],
  ['<opml version="2.0">', "this is an OPML list of sources: give it with --feeds, neither a feed nor a page"],
  ['<?xml version="1.0"?><catalog>', "this is XML, but its root is <catalog>, neither a feed nor a page"],
  ["just words", "this is plain text, neither a feed nor a page"],
  ["[1, 2]", "this is JSON, but no JSON Feed, neither a feed nor a page"],
])("%s is refused and named", (text, message) => {
  const error = refusal(() => sniff(text));
  expect([error.kind, error.message]).toEqual(["unknown-document", message]);
});

test("nothing but space and comments is empty", () => {
  expect(refusal(() => sniff("  \n<!-- gone -->")).kind).toBe("empty");
  expect(refusal(() => requireText(new Uint8Array(), "")).kind).toBe("empty");
});

test("files that are no text are named", () => {
  expect(refusal(() => requireText(Buffer.from("%PDF-1.7 ..."), "application/rss+xml")).message).toBe(
    "this is a PDF file",
  );
  expect(refusal(() => requireText(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0]), "")).message).toBe("this is a PNG image");
  expect(refusal(() => requireText(Buffer.from([65, 66, 0, 67]), "font/x")).message).toBe(
    "the body holds bytes that are no text (font/x)",
  );
});

test("text in two bytes a character is text", () => {
  expect(() => requireText(Buffer.from("<?xml?>", "utf16le"), "")).not.toThrow();
  expect(() => requireText(Buffer.from("\uFEFFx", "utf16le"), "")).not.toThrow();
});

test("what looks like a page may be a program's warning before a feed", () => {
  const warning = "<br />\n<b>Warning</b>: x\n";
  expect(sniff(`${warning}<rss version="2.0">`)).toEqual({ kind: "rss", start: warning.length, root: warning.length });
  expect(sniff(`${warning}and nothing else`).kind).toBe("page");
  expect(sniff("<p>This is how <rss> begins, in a page").kind).toBe("rss");
  expect(sniff("<html><p>This is how <rss> begins, in a page").kind).toBe("page");
});

test("a document begins at its declaration, and its root stands behind the document type", () => {
  const text = 'x <?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "b">]><!-- y --><rss>';
  const { start, root } = sniff(text);
  expect([text.slice(start, start + 5), text.slice(root)]).toEqual(["<?xml", "<rss>"]);
});
