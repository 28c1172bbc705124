// Whatever comes: it is read, or refused by a `SourceError` that says why, and nothing else is ever thrown.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { damagedOf, EXPENSIVE, GOOD } from "../tests/hostile.ts";
import {
  type Document,
  findFeeds,
  parseList,
  readDocument,
  SourceError,
  tally,
  TermCounter,
  writeOpml,
} from "./index.ts";

const folder = join(import.meta.dirname, "../../../../shared/data/feeds");
const published = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /\.(?:rss|atom)$/.test(name))
      .map((name) => readFileSync(join(folder, name)))
      // A damaged one is read a hundred times; the largest say nothing that the others do not.
      .filter((bytes) => bytes.length < 100_000)
  : [];

const TYPES = [
  undefined,
  "text/html",
  "application/rss+xml; charset=utf-8",
  "text/xml; charset=shift_jis",
  "text/plain; charset=utf-16",
];

/** The document, or undefined where it was refused as it should be. */
function read(bytes: Uint8Array, contentType: string | undefined, cut: boolean): Document | undefined {
  try {
    return readDocument(bytes, {
      url: "https://a.example/feed",
      cut,
      ...(contentType === undefined ? {} : { contentType }),
    });
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    expect(error.message.length).toBeGreaterThan(5);
    expect(error.message.length).toBeLessThan(1000);
    return undefined;
  }
}

function isSound(document: Document): void {
  for (const { title, link, id, text, published: at } of document.articles) {
    for (const said of [title, link, id]) expect(said === undefined || typeof said === "string").toBe(true);
    expect(typeof text).toBe("string");
    expect(at === undefined || Number.isFinite(at)).toBe(true);
  }
  for (const note of document.notes) expect(note).toMatch(/^.{5,1000}$/su);
  document.links();
  const { words, mentions } = tally(document, new TermCounter(["text"]));
  expect(words).toBeGreaterThanOrEqual(mentions[0] as number);
}

function check(bytes: Uint8Array, contentType: string | undefined, cut: boolean): void {
  const document = read(bytes, contentType, cut);
  if (document !== undefined) isSound(document);
}

test("bytes of chance are read or refused", () => {
  const start = fc.constantFrom(
    "",
    "<",
    "<rss>",
    "<html>",
    "{",
    "\uFEFF",
    "<?xml version='1.0' encoding='euc-jp'?><feed>",
  );
  fc.assert(
    fc.property(
      start,
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(...TYPES),
      fc.boolean(),
      (first, rest, type, cut) => {
        check(Buffer.concat([Buffer.from(first), rest]), type, cut);
      },
    ),
    { numRuns: 200 },
  );
});

test("damaged documents of every kind are read or refused", { tags: ["long"] }, () => {
  fc.assert(
    fc.property(damagedOf(GOOD), fc.constantFrom(...TYPES), fc.boolean(), (bytes, type, cut) =>
      check(bytes, type, cut),
    ),
    { numRuns: 200 },
  );
});

describe.skipIf(published.length === 0)("feeds that were really published", () => {
  test("are read or refused when they are damaged", () => {
    fc.assert(
      fc.property(damagedOf(published), fc.boolean(), (bytes, cut) => check(bytes, "application/rss+xml", cut)),
      { numRuns: 40 },
    );
  });
});

test("wherever a feed breaks off, its whole entries are read", { tags: ["long"] }, () => {
  for (const [at, bytes] of GOOD.slice(0, 4).entries()) {
    const text = Buffer.from(bytes).toString();
    const ends = [...text.matchAll(/<\/(?:item|entry)>|"\}(?=[,\]])/g)].map((match) => match.index + match[0].length);
    const whole = readDocument(bytes, { url: "https://a.example/" }).articles.map(({ title }) => title);
    expect([at, ends.length, whole.length]).toEqual([at, 12, 12]);
    for (let length = ends[0] as number; length < text.length; length += 13) {
      const complete = ends.filter((end) => end <= length).length;
      const document = readDocument(Buffer.from(text.slice(0, length)), { url: "https://a.example/" });
      expect(document.articles.slice(0, complete).map(({ title }) => title)).toEqual(whole.slice(0, complete));
    }
  }
});

test("a list and a page to find feeds in may be damaged too", () => {
  fc.assert(
    fc.property(damagedOf(GOOD), (bytes) => {
      const text = Buffer.from(bytes).toString();
      for (const { url } of findFeeds(text, "https://a.example/")) expect(URL.canParse(url)).toBe(true);
      try {
        const { sources } = parseList(text, "list.opml");
        if (sources.length > 0) expect(parseList(writeOpml(sources), "x.opml").sources).toHaveLength(sources.length);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
      }
    }),
    { numRuns: 150 },
  );
});

test.each(Object.keys(EXPENSIVE))("%s without end are read or refused", (name) => {
  const text = (EXPENSIVE[name] as (size: number) => string)(20_000);
  check(Buffer.from(text), undefined, false);
  check(Buffer.from(text), "text/html", true);
  findFeeds(text, "https://a.example/");
});
