import fc from "fast-check";
import { expect, test } from "vitest";
import { parseList } from "./list.ts";
import { writeOpml } from "./opml.ts";
import { parseSource, type Source } from "./source.ts";

/** What is left of a name in one line of XML. */
function kept(name: string): string | undefined {
  const line = name
    .toWellFormed()
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return line === "" ? undefined : line;
}

const back = (sources: readonly Source[]): (string | undefined)[][] =>
  parseList(writeOpml(sources), "x.opml").sources.map(({ url, name }) => [url, name]);

test("a list is written as OPML that says what it is, when it was made, and each source in a line", () => {
  const opml = writeOpml(
    [parseSource("https://a.example/?a=1&b=2", 'A & "B" <C>'), parseSource("https://b.example/")],
    {
      title: "Mine & yours",
      created: 0,
    },
  );
  expect(opml).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0">
  <head>
    <title>Mine &amp; yours</title>
    <dateCreated>Thu, 01 Jan 1970 00:00:00 GMT</dateCreated>
  </head>
  <body>
    <outline type="rss" text="A &amp; &quot;B&quot; &lt;C&gt;" title="A &amp; &quot;B&quot; &lt;C&gt;" xmlUrl="https://a.example/?a=1&amp;b=2"/>
    <outline type="rss" text="https://b.example/" title="https://b.example/" xmlUrl="https://b.example/"/>
  </body>
</opml>
`);
});

test("sources come back as they were, those without a name without one", () => {
  const sources = [
    parseSource("https://a.example/", "Новости & ニュース 'quoted' \"twice\" ]]> &amp; &#65; 😀"),
    parseSource("https://b.example/x;y?q=%22%3C%3E'&amp;=1"),
    parseSource("https://c.example/", "007"),
    parseSource("https://d.example/", "true"),
    parseSource("https://пример.example/путь"),
  ];
  expect(back(sources)).toEqual(sources.map(({ url, name }) => [url, name]));
});

test("a control character or half a character in a name does not make a file that nobody can open", () => {
  const opml = writeOpml([parseSource("https://a.example/", "bell \u0007, nul \0, half \uD83D, line\nbreak, \uFFFE")]);
  expect(opml.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\uFFFE]/u);
  expect(opml.isWellFormed()).toBe(true);
  expect(parseList(opml, "x").sources[0]?.name).toBe("bell , nul , half \uFFFD, line break,");
});

test("whatever the names and addresses are, the list comes back to the same sources", { tags: ["long"] }, () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(..."&<>\"'];:#xX; \n\t\u00a0\u2028aé字\u0000\u0085"), maxLength: 30 }),
    fc.constantFrom(
      "",
      " ",
      "&amp;amp;",
      "<![CDATA[x]]>",
      "]]>",
      "<!--",
      "__proto__",
      "constructor",
      "0x10",
      "1e3",
      "-0",
    ),
  );
  const source = fc.tuple(fc.webUrl({ withQueryParameters: true, withFragments: true }), text);
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 8 }), (pairs) => {
      const sources = pairs.map(([url, name]) => parseSource(url, name));
      const expected = sources.map(({ url, name }) => {
        const line = kept(name ?? "");
        return [url, line === url ? undefined : line];
      });
      expect(back(sources)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test(
  "a list that another program wrote, outlines in outlines and some of them without a name, comes back the same",
  { tags: ["long"] },
  () => {
    const outline = fc.letrec<{ one: string }>((tie) => ({
      one: fc.oneof(
        { depthSize: "small" },
        fc.webUrl().map((url) => `<outline xmlUrl="${url.replace(/&/g, "&amp;")}" text=""/>`),
        fc.webUrl().map((url) => `<outline title="N &lt; 1" xmlUrl="${url.replace(/&/g, "&amp;")}"/>`),
        fc
          .array(tie("one"), { maxLength: 3 })
          .map((inner) => `<outline text="A &amp; folder">${inner.join("\n")}</outline>`),
      ),
    })).one;
    fc.assert(
      fc.property(fc.array(outline, { maxLength: 5 }), (outlines) => {
        const opml = `<opml version="2.0"><body>${outlines.join("")}</body></opml>`;
        const written = outlines.join("").split("xmlUrl=").length - 1;
        if (written === 0) return;
        const { sources, problems } = parseList(opml, "x.opml");
        expect([sources.length, problems]).toEqual([written, []]);
        expect(back(sources)).toEqual(sources.map(({ url, name }) => [url, name]));
      }),
    );
  },
);
