import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { UsageError } from "../usage.ts";
import { readSources } from "./inputs.ts";

const folder = mkdtempSync(join(tmpdir(), "rondo-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("arguments and lists are put together, in the order in which they were given", () => {
  const list = file("a.txt", "https://b.example/ B\nhttps://c.example/ C\n");
  const { sources, problems } = readSources({ urls: ["https://a.example"], feeds: [list] });
  expect(sources.map(({ url }) => url)).toEqual(["https://a.example/", "https://b.example/", "https://c.example/"]);
  expect(problems).toEqual([]);
});

test("a bad argument is that argument's problem and the others go on", () => {
  const { sources, problems } = readSources({ urls: ["example.com", "https://a.example"], feeds: [] });
  expect(sources).toHaveLength(1);
  expect(problems.map(({ input, error }) => [input, error.message])).toEqual([
    ["example.com", '"example.com" has no scheme; did you mean https://example.com ?'],
  ]);
});

test("an OPML file that is not XML is that file's problem and the others go on", () => {
  const bad = file("bad.opml", "\u0000\u0001 not XML");
  const good = file(
    "good.opml",
    '<opml version="2.0"><body><outline text="A" xmlUrl="https://a.example/"/></body></opml>',
  );
  const { sources, problems } = readSources({ urls: [], feeds: [bad, good, join(folder, "missing.txt"), folder] });
  expect(sources).toHaveLength(1);
  expect(problems.map(({ error }) => error.message)).toEqual([
    "bad.opml is not an OPML list",
    expect.stringMatching(/missing\.txt does not exist$/),
    expect.stringMatching(/ is a folder$/),
  ]);
});

test("a list in another charset is read by what it says", () => {
  const opml =
    '<?xml version="1.0" encoding="ISO-8859-1"?><opml><body><outline text="Not\u00edcias" xmlUrl="https://a.example/"/></body></opml>';
  expect(readSources({ urls: [], feeds: [file("latin.opml", Buffer.from(opml, "latin1"))] }).sources[0]?.name).toBe(
    "Notícias",
  );
});

test("where nothing is left to download it is wrong usage, with what was wrong and what to type", () => {
  try {
    readSources({ urls: ["example.com", "ftp://x.example/"], feeds: [] });
    throw new Error("it was taken");
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({
      message: '"example.com" has no scheme; did you mean https://example.com ? (and 1 more)',
      hint: expect.stringContaining("rondo news https://"),
    });
  }
});
