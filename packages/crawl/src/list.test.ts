import { expect, test } from "vitest";
import { SourceError } from "./failure.ts";
import { builtInSources, parseList } from "./list.ts";

function refusal(text: string, label = "list.txt"): SourceError {
  try {
    parseList(text, label);
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error("the list was taken");
}

test("a text list has one source a line, with a name after it, and comments", () => {
  const { sources, problems } = parseList(
    "\uFEFF# news\r\n\r\nhttps://a.example/rss  The A  \n  https://b.example/ \n",
    "x.txt",
  );
  expect(sources.map(({ url, name }) => [url, name])).toEqual([
    ["https://a.example/rss", "The A"],
    ["https://b.example/", undefined],
  ]);
  expect(problems).toEqual([]);
});

test("a bad line is a problem of that line and the others are used", () => {
  const { sources, problems } = parseList(
    "https://a.example/\nexample.com\nftp://x.example/\nhttps://b.example/",
    "x.txt",
  );
  expect(sources).toHaveLength(2);
  expect(problems.map(({ input, error }) => [input, error.kind])).toEqual([
    ["x.txt:2", "url"],
    ["x.txt:3", "url"],
  ]);
});

test("an OPML list is read in order, through nested outlines, with titles and entities", () => {
  const { sources } = parseList(
    `<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
      <outline text="Tech"><outline text="ignored" title="A &amp; B" type="rss" xmlUrl="https://a.example/x?a=1&amp;b=2"/></outline>
      <outline text="C" xmlUrl="https://c.example/"/><outline text="only a folder"/></body></opml>`,
    "feeds.opml",
  );
  expect(sources.map(({ url, name }) => [url, name])).toEqual([
    ["https://a.example/x?a=1&b=2", "A & B"],
    ["https://c.example/", "C"],
  ]);
});

test("an OPML list is known by what it holds, not by its name", () => {
  const opml = '<opml version="2.0"><body><outline text="C" xmlUrl="https://c.example/"/></body></opml>';
  expect(parseList(opml, "feeds.txt").sources).toHaveLength(1);
});

test("an OPML file that is not XML is refused by name", () => {
  const error = refusal("this is not XML at all", "feeds.opml");
  expect(error.kind).toBe("input");
  expect(error.message).toBe("feeds.opml is not an OPML list");
  expect(refusal("<opml><body><outline xmlUrl='x'", "cut.opml").message).toContain("cut.opml is not an OPML list");
  expect(refusal("<html><body>hello</body></html>").message).toBe("list.txt is not an OPML list");
});

test("a bad address in an outline is a problem that names the outline", () => {
  const opml =
    '<opml><body><outline text="Bad" xmlUrl="example.com"/><outline text="C" xmlUrl="https://c.example/"/></body></opml>';
  const { sources, problems } = parseList(opml, "f.opml");
  expect(sources).toHaveLength(1);
  expect(problems[0]?.input).toBe("f.opml: Bad");
});

test("a list without a source is refused", () => {
  expect(refusal("# nothing\n\n").message).toBe("list.txt names no source");
  expect(refusal('<opml version="2.0"><body><outline text="x"/></body></opml>').message).toBe(
    "list.txt names no source",
  );
});

test("the built-in list has at least forty distinct named sources in at least ten scripts and languages", () => {
  const sources = builtInSources();
  expect(sources.length).toBeGreaterThanOrEqual(40);
  expect(new Set(sources.map((source) => source.url)).size).toBe(sources.length);
  expect(sources.every((source) => source.name !== undefined)).toBe(true);
  expect(sources.some((source) => /\p{sc=Han}/u.test(source.name ?? ""))).toBe(true);
});
