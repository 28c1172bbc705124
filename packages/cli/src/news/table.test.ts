import type { Report, SourceReport } from "@rondo/crawl";
import { expect, test } from "vitest";
import type { Look } from "../look.ts";
import { paint } from "../paint.ts";
import { width } from "../text.ts";
import { failures, nameOf, notes, summary, table } from "./table.ts";

const look: Look = { columns: 80, paint: paint(false), rows: Infinity };

function done(name: string, more: Partial<SourceReport> = {}): SourceReport {
  return {
    url: `https://${name}.example/`,
    name,
    state: "done",
    kind: "rss",
    articles: 3,
    words: 1200,
    mentions: [],
    bytes: 4500,
    elapsed: 340,
    cut: false,
    notes: [],
    ...more,
  };
}

function reportOf(sources: SourceReport[], more: Partial<Report> = {}): Report {
  const totals = {
    sources: sources.length,
    done: 1,
    unchanged: 0,
    notDue: 0,
    failed: 0,
    unfinished: 0,
    articles: 3,
    words: 1200,
    mentions: [],
    bytes: 4500,
    waited: 64_000,
  };
  return { version: 1, terms: [], top: [], problems: [], sources, totals, ...more };
}

test("the table has a row for each source that was read, those with most words first", () => {
  const report = reportOf([done("Small", { words: 7 }), { url: "https://x.example/", state: "failed" }, done("Large")]);
  expect(table(report, look)).toBe(
    [
      " SOURCE  KIND  ARTICLES  WORDS    TIME    SIZE",
      " Large   rss          3  1,200  340 ms  4.5 kB",
      " Small   rss          3      7  340 ms  4.5 kB",
      "",
    ].join("\n"),
  );
});

test("terms have columns, and sources that mention them come first", () => {
  const report = reportOf([done("A", { mentions: [0, 1], words: 9000 }), done("B", { mentions: [4, 0] })], {
    terms: ["storm", "climate change"],
  });
  const lines = table(report, look).split("\n");
  expect(lines[0]).toContain("storm  climate change");
  expect(lines[1]).toMatch(/^ B .* 4 +0 /);
});

test("a body that was cut is marked", () => {
  expect(table(reportOf([done("A", { cut: true })]), look)).toContain("4.5 kB+");
});

test("rows beyond those asked for are counted", () => {
  const text = table(reportOf([done("A"), done("B"), done("C")]), { ...look, rows: 1 });
  expect(text).toContain(" … and 2 more (--rows shows more)");
  expect(table(reportOf([]), look)).toBe("");
});

test("no line is wider than the terminal, whatever the names are", () => {
  const report = reportOf([done("東京".repeat(40)), done("x".repeat(200)), done("evil\u001B[2J\r\nname")], {
    terms: ["a", "b"],
  });
  const text = table(report, look);
  for (const line of text.split("\n")) expect(width(line)).toBeLessThanOrEqual(80);
  expect(text).not.toContain("\u001B");
});

test("a source is called by its list, else by itself, else by its address", () => {
  expect(nameOf(done("A"))).toBe("A");
  expect(nameOf({ url: "https://x.example/", state: "done", title: "Title" })).toBe("Title");
  expect(nameOf({ url: "https://x.example/feed", state: "done", title: " " })).toBe("x.example/feed");
});

test("failures say kind, message and cause, those of the command line first", () => {
  const failed: SourceReport = {
    url: "https://x.example/",
    name: "X",
    state: "failed",
    failure: { kind: "refused", message: "x.example refuses connections", cause: "connect ECONNREFUSED" },
  };
  const report = reportOf([failed], {
    problems: [{ input: "example.com", failure: { kind: "url", message: "no scheme" } }],
  });
  expect(failures(report, look)).toBe(
    [
      " 2 failures",
      " ✗ example.com",
      "     url: no scheme",
      " ✗ X (https://x.example/)",
      "     refused: x.example refuses connections",
      "     cause: connect ECONNREFUSED",
      "",
    ].join("\n"),
  );
  expect(failures(reportOf([done("A")]), look)).toBe("");
});

test("what was odd is noted", () => {
  expect(notes(reportOf([done("A", { notes: ["cut off after 10 bytes", "odd"] }), done("B")]), look)).toBe(
    " Notes\n ! A: cut off after 10 bytes; odd\n",
  );
});

test("one line sums it up, and one says what was overlapped", () => {
  const report = reportOf([done("A")], {
    totals: {
      sources: 258,
      done: 250,
      unchanged: 0,
      notDue: 0,
      failed: 3,
      unfinished: 5,
      articles: 250,
      words: 1,
      mentions: [],
      bytes: 24e6,
      waited: 64_000,
    },
  });
  expect(summary(report, 1234, look)).toBe(
    " 250 sources read of 258 · 3 failed · 5 not finished · 250 articles · 1 word · 24 MB\n 258 sources, 64 s of waiting in 1.2 s\n",
  );
});

test("colours come only where they are wanted", () => {
  expect(paint(true).red("x")).toBe("\u001B[31mx\u001B[39m");
  expect(paint(false).red("x")).toBe("x");
});
