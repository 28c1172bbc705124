import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Terminal } from "../../tests/terminal.ts";
import { paint } from "../paint.ts";
import { width } from "../text.ts";
import { frame, type Size, type View } from "./live-frame.ts";
import { Marker } from "./live-marks.ts";
import { Screen } from "./live-screen.ts";

const plain = paint(false);
const painted = paint(true);

function view(parts: Partial<View> = {}): View {
  return {
    counts: { total: 100, waiting: 20, running: 8, backingOff: 0, done: 60, unchanged: 0, notDue: 0, failed: 12 },
    bytes: 12_400_000,
    rate: 1_400_000,
    left: { ms: 8000, atMost: false },
    spinner: 0,
    note: undefined,
    slowest: [{ name: "example.org/feed", stage: "asking", ms: 3200 }],
    failures: [{ name: "Slow News", message: "no answer within 15 s" }],
    headlines: [{ source: "The Paper", title: "A storm is coming" }],
    ...parts,
  };
}

const show = (size: Size, parts: Partial<View> = {}, terms: string[] = []): string[] =>
  frame(view(parts), size, plain, new Marker(terms));

test("a wide window shows the counts, how far it is, what runs, what failed and what is new", () => {
  expect(show({ columns: 80, rows: 24 })).toEqual([
    " ⠋ 8 running · 20 waiting · 60 done · 12 failed",
    " ━━━━━━━━━━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌ 72 %  12 MB   1.4 MB/s   about 8 s left",
    "",
    " Now",
    "   example.org/feed                                 asking                3.2 s",
    "",
    " Failed",
    " ✗ Slow News: no answer within 15 s",
    "",
    " New",
    "   The Paper           A storm is coming",
  ]);
});

test("a window of 20 columns and 5 rows shows what matters most", () => {
  expect(show({ columns: 20, rows: 5 })).toEqual([
    " ⠋ 60/100 · 12 ✗",
    " ━━━━━━━━━╌╌╌╌ 72 %",
    expect.stringMatching(/^ {3}exampl.*3\.2 s$/),
    expect.stringMatching(/^ ✗ Slow News/),
  ]);
});

test("sources that were not due count for nothing, neither done nor to be done", () => {
  const counts = { total: 100, waiting: 0, running: 0, backingOff: 0, done: 10, unchanged: 30, notDue: 60, failed: 0 };
  const [status, bar] = show(
    { columns: 80, rows: 24 },
    { counts, left: undefined, rate: undefined, spinner: undefined },
  );
  expect(status).toBe(" · 0 running · 10 done · 30 unchanged · 60 not due");
  expect(bar).toContain("100 %");
});

test("a run that is not at its end never says 100 %", () => {
  const counts = { total: 1000, waiting: 0, running: 1, backingOff: 0, done: 999, unchanged: 0, notDue: 0, failed: 0 };
  expect(show({ columns: 80, rows: 24 }, { counts })[1]).toContain(" 99 %");
});

test("terms are marked in headlines, by characters where there are no colours", () => {
  const parts = { headlines: [{ source: "P", title: "Storm over Rome: interest-rates and rainstorms" }] };
  expect(show({ columns: 90, rows: 9 }, parts, ["storm", "interest rates"]).at(-1)).toContain(
    "*Storm* over Rome: *interest-rates* and rainstorms",
  );
  const lines = frame(view(parts), { columns: 90, rows: 9 }, painted, new Marker(["storm"]));
  expect(lines.at(-1)).toContain("\u001B[1m\u001B[33mStorm\u001B[39m\u001B[22m over");
});

test("a term of a script without spaces is found inside, and no character of a term means anything else", () => {
  expect(new Marker(["東京"]).has("今日の東京都知事")).toBe(true);
  expect(new Marker(["c++ (原子力)"]).has("c (原子力)")).toBe(false);
  expect(new Marker(["été"]).has("l'e\u0301te\u0301 1999")).toBe(true);
  expect(new Marker(["rome"]).has("chrome")).toBe(false);
  expect(new Marker([]).has("anything")).toBe(false);
});

/** Text of strangers: every script, every width, and what they should not have sent. */
const strange = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "a",
        "b ",
        "word ",
        "東京",
        "ニュース",
        "뉴스",
        "אבג",
        "مرحبا",
        "e\u0301",
        "\u0301",
        "👩‍👩‍👧",
        "🇩🇪",
        "☎️",
        "ｆ",
        "…",
      ),
      fc.constantFrom("\u001B[2J", "\u001B]0;x\u0007", "\n", "\r", "\t", "\u202E", "\u0000", "\u009B5A", "\uD800"),
      fc.string({ unit: "grapheme", maxLength: 5 }),
      fc.constant("\u0301".repeat(300)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

const some = fc.nat({ max: 20_000 });
const views: fc.Arbitrary<View> = fc.record({
  counts: fc
    .record({ waiting: some, running: some, backingOff: some, done: some, unchanged: some, notDue: some, failed: some })
    .map((counts) => ({
      ...counts,
      total: counts.waiting + counts.running + counts.done + counts.unchanged + counts.notDue + counts.failed,
    })),
  bytes: fc.nat(),
  rate: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
  left: fc.option(fc.record({ ms: fc.nat(), atMost: fc.boolean() }), { nil: undefined }),
  spinner: fc.option(fc.nat({ max: 100 }), { nil: undefined }),
  note: fc.option(strange, { nil: undefined }),
  slowest: fc.array(fc.record({ name: strange, stage: fc.constant("waiting for its turn"), ms: fc.nat() }), {
    maxLength: 4,
  }),
  failures: fc.array(fc.record({ name: strange, message: strange }), { maxLength: 4 }),
  headlines: fc.array(fc.record({ source: strange, title: strange }), { maxLength: 10 }),
});
const sizes = fc.record({ columns: fc.integer({ min: 1, max: 160 }), rows: fc.integer({ min: 1, max: 60 }) });

test(
  "no line is wider than its window and there are never more than fit, whatever strangers write",
  { tags: ["long"] },
  () => {
    fc.assert(
      fc.property(views, sizes, fc.boolean(), (view, size, colours) => {
        const lines = frame(view, size, paint(colours), new Marker(["word", "東京", "مرحبا"]));
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, size.rows - 1));
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(Math.max(1, size.columns - 1));
      }),
      { numRuns: 200 },
    );
  },
);

const terminals = fc.record({
  counts: fc.constantFrom("graphemes" as const, "code points" as const),
  narrowing: fc.constantFrom("cuts" as const, "breaks" as const),
});

test(
  "frame after frame the lines stay in their place, and afterwards nothing is left of them",
  { tags: ["long"] },
  () => {
    const steps = fc.array(fc.record({ view: views, size: fc.option(sizes) }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, terminals, steps, fc.nat({ max: 80 }), (size, kind, frames, above) => {
        const terminal = new Terminal({ ...size, ...kind });
        // One column wide, so that no resizing changes them.
        for (let line = 0; line < above; line++) terminal.write(`${line % 10}\r\n`);
        const before = terminal.everything;
        const screen = new Screen(terminal);
        for (const { view, size } of frames) {
          if (size !== null) terminal.resize(size.columns, size.rows);
          const lines = frame(view, screen.size, plain, new Marker([]));
          screen.draw(lines, screen.size);
          expect(terminal.cursorShown).toBe(false);
          expect([terminal.wraps, terminal.synchronised]).toEqual([true, false]);
          if (kind.counts === "graphemes") {
            const [row] = terminal.cursor;
            const shown = terminal.screen.slice(row);
            const wanted = lines.map((line) => line.trimEnd());
            while (wanted.at(-1) === "") wanted.pop();
            expect(shown).toEqual(wanted);
          }
          expect(terminal.cursor[1]).toBe(0);
        }
        screen.clear();
        expect(terminal.everything).toEqual(before);
        expect(terminal.wrapped).toBe(0);
        expect(terminal.cursorShown).toBe(true);
      }),
      { numRuns: 100 },
    );
  },
);

test("what has not changed is not written again", () => {
  const terminal = new Terminal({ columns: 80, rows: 24 });
  const screen = new Screen(terminal);
  const lines = show(screen.size);
  screen.draw(lines);
  screen.draw([...lines]);
  expect(terminal.writes.length).toBe(1);
  screen.draw(lines.with(4, "   another"));
  expect(terminal.writes.length).toBe(2);
  expect(terminal.writes[1]).not.toContain("running");
  expect(terminal.writes[1]).toContain("another");
  // One write a frame, all of it between the marks of synchronised output.
  for (const write of terminal.writes) {
    expect(write.startsWith("\u001B[?2026h")).toBe(true);
    expect(write.endsWith("\u001B[?2026l")).toBe(true);
  }
});
