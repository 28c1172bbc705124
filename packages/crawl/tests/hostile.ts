// Documents to try readers on: good ones of each kind to be damaged, and ones that are made to be expensive.

import fc from "fast-check";
import { encode } from "./encode.ts";

const entries = (one: (at: number) => string): string => Array.from({ length: 12 }, (_, at) => one(at)).join("\n");

/** A good document of each kind, as bytes. */
export const GOOD: readonly Uint8Array[] = [
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>T &amp; T</title><language>en</language><ttl>60</ttl>${entries((at) => `<item><title>Entry ${at}</title><link>https://a.example/${at}</link><guid>g${at}</guid><pubDate>Sun, 22 Nov 2026 10:00:0${at % 10} GMT</pubDate><content:encoded><![CDATA[<p>Text <b>of</b> ${at} &eacute;]]></content:encoded></item>`)}</channel></rss>`,
  ),
  Buffer.from(
    `<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title type="html">T</title>${entries((at) => `<entry><title>Eintrag ${at}</title><id>urn:${at}</id><link href="/${at}"/><updated>2026-11-22T10:00:00Z</updated><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Text ${at}</p></div></content></entry>`)}</feed>`,
  ),
  Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE rdf:RDF [<!ENTITY x "y">]><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel rdf:about="/"><title>T</title></channel>${entries((at) => `<item rdf:about="/${at}"><title>一 ${at}</title><description>二 &x;</description></item>`)}</rdf:RDF>`,
  ),
  Buffer.from(
    `{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[${Array.from({ length: 12 }, (_, at) => `{"id":"${at}","title":"E ${at}","content_html":"<p>\\u00e9 \\"x\\" ${at}</p>"}`).join(",")}]}`,
  ),
  Buffer.from(
    `<!DOCTYPE html><html lang="en"><head><base href="/b/"><title>Page</title><link rel="alternate" type="application/rss+xml" href="feed"></head><body><script>if (a < b) c();</script>${entries((at) => `<p>Paragraph <a href="/${at}">${at}</a> &copy; <svg><title>x</title></svg>`)}</body></html>`,
  ),
  encode(
    `<?xml version="1.0" encoding="windows-1251"?><rss version="2.0"><channel><title>Новости</title>${entries((at) => `<item><title>Новость ${at}</title></item>`)}</channel></rss>`,
    "windows-1251",
  ),
  encode(`<html><meta charset=shift_jis><title>ニュース</title>${entries((at) => `<p>記事 ${at} 表示`)}`, "shift_jis"),
  encode(
    `\uFEFF<rss><channel><title>T</title>${entries((at) => `<item><title>雨 ${at}</title></item>`)}</channel></rss>`,
    "utf-16le",
  ),
  Buffer.from(
    `<?xml version="1.0"?><opml version="2.0"><head><title>T</title></head><body>${entries((at) => `<outline text="F"><outline text="S ${at}" xmlUrl="https://a.example/${at}?a=1&amp;b=2"/></outline>`)}</body></opml>`,
  ),
];

const TOKENS: readonly string[] = [
  ...[
    "<",
    ">",
    "/>",
    "</",
    "&",
    ";",
    '"',
    "'",
    "=",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "<!DOCTYPE",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\\",
  ],
  ...[
    "<item>",
    "</item>",
    "<entry>",
    "</entry>",
    "<rss>",
    "</rss>",
    "</channel>",
    "<title>",
    "</title>",
    "<script>",
    "<p>",
  ],
  ...[
    "&#x110000;",
    "&#0;",
    "&lt;",
    "__proto__",
    "constructor",
    "\0",
    "\uFEFF",
    "\u001B$B",
    "\u202E",
    "é",
    "字",
    "charset=utf-16",
    'encoding="x"',
  ],
];

/** What happens to bytes on their way. */
const damage = fc.oneof(
  fc.record({ do: fc.constant("cut" as const), at: fc.nat(10_000) }),
  fc.record({ do: fc.constant("drop" as const), at: fc.nat(10_000), length: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ do: fc.constant("repeat" as const), at: fc.nat(10_000), length: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant("set" as const), at: fc.nat(10_000), byte: fc.nat(255) }),
  fc.record({ do: fc.constant("insert" as const), at: fc.nat(10_000), token: fc.constantFrom(...TOKENS) }),
);
type Damage = typeof damage extends fc.Arbitrary<infer One> ? One : never;

function damaged(bytes: Uint8Array, one: Damage): Uint8Array {
  const at = one.at % (bytes.length + 1);
  const before = bytes.subarray(0, at);
  switch (one.do) {
    case "cut":
      return before;
    case "drop":
      return Buffer.concat([before, bytes.subarray(at + one.length)]);
    case "repeat":
      return Buffer.concat([bytes.subarray(0, at + one.length), bytes.subarray(at)]);
    case "set":
      return Buffer.concat([before, Uint8Array.of(one.byte), bytes.subarray(at + 1)]);
    case "insert":
      return Buffer.concat([before, Buffer.from(one.token), bytes.subarray(at)]);
  }
}

/** Documents of these that were damaged up to eight times. */
export function damagedOf(documents: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(...documents), fc.array(damage, { minLength: 1, maxLength: 8 }))
    .map(([bytes, damages]) => damages.reduce(damaged, bytes));
}

const RSS = '<rss version="2.0"><channel><title>T</title>';
const END = "</channel></rss>";
const again =
  (piece: string, before = "", after = "") =>
  (size: number): string =>
    before + piece.repeat(Math.ceil(size / piece.length)) + after;

/** Documents of any size in which something is repeated that a careless reader goes back for each time. */
export const EXPENSIVE: Readonly<Record<string, (size: number) => string>> = {
  "open tags": again("<a>", RSS, END),
  "open tags in an entry": again("<a>", `${RSS}<item>`, `</item>${END}`),
  "open tags in a text": again("<a>", `${RSS}<item><description>`, `</description></item>${END}`),
  "escaped tags in a text": again("&lt;a&gt;", `${RSS}<item><description>`, `</description></item>${END}`),
  "texts in texts": again("<description>", `${RSS}<item>`, `</item>${END}`),
  brackets: again("<", `${RSS}<item><title>`, `</title></item>${END}`),
  ampersands: again("&", `${RSS}<item><title>`, `</title></item>${END}`),
  entities: again("&a;", `${RSS}<item><title>`, `</title></item>${END}`),
  "openings of CDATA": again("<![CDATA[", `${RSS}<item><title>`, `</title></item>${END}`),
  "openings of comments": again("<!--", RSS, END),
  "instructions before the root": again("<?a?>", "", RSS + END),
  "document types": again("<!DOCTYPE x [", "", RSS + END),
  "openings of entries": again("<item>", RSS, END),
  "ends of entries": again("</item>", RSS, END),
  "broken entries": again("<item><title>x</titel></item>", RSS, END),
  "entries without an end": again("<item><title>x</title>", RSS),
  attributes: again("a='1' ", "<rss ", `><channel>${END}`),
  spaces: again(" ", `${RSS}<item><title>`, `</title></item>${END}`),
  "spaces and nothing else": again(" "),
  "broken links in a broken entry": again("<link href", `${RSS}<item><title>x</titel>`, `</item>${END}`),
  "a name": again("a", `${RSS}<`),
  "elements of a page": again("<div>", "<html>"),
  "inputs of a page": again("<input type ", "<html><title>x</title>"),
  "what is not seen": again("<svg>", "<html>"),
  scripts: again("<script>", "<html>"),
  "openings of roots": again("<rss", "<p>"),
  "lists in JSON": again("[", '{"items":'),
  "objects in JSON": again('{"a":', '{"items":['),
  "backslashes in JSON": again("\\", '{"items":["'),
  "quotes in JSON": again('"', "{"),
  "letters of Thai": again("ก", "<html><p>"),
  "marks on a letter": again("\u0301", "<html><p>a"),
  apostrophes: again("a'", "<html><p>"),
  "links of a page": again('<link rel="alternate" type="text/xml" href="/feed?', "<html>"),
  "anchors of a page": again("<a href=x title=y>RSS", "<html>"),
};
