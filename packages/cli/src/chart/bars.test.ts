import { expect, test } from "vitest";
import type { Look } from "../look.ts";
import { paint } from "../paint.ts";
import { width } from "../text.ts";
import { bars } from "./bars.ts";

const look: Look = { columns: 40, paint: paint(false), rows: Infinity };
const counts = [
  { label: "storm", count: 40 },
  { label: "flood", count: 1 },
  { label: "drought", count: 0 },
];

test("bars are as long as their counts are large, to an eighth", () => {
  const [title, storm, flood, drought] = bars("Mentions", counts, look).split("\n");
  expect(title).toBe(" Mentions");
  expect(storm).toBe(` storm    40  ${"█".repeat(25)}`);
  expect(flood).toBe(" flood     1  ▋");
  expect(drought).toBe(" drought   0");
  expect(bars("None", [], look)).toBe("");
});

test("without blocks a bar is of number signs, and what is little is still seen", () => {
  const [, storm, flood, drought] = bars("Mentions", counts, { ...look, unicode: false }).split("\n");
  expect(storm).toBe(` storm    40  ${"#".repeat(25)}`);
  expect(flood).toBe(" flood     1  #");
  expect(drought).toBe(" drought   0");
});

test("notes stand in a column of their own, and labels of any script keep it straight", () => {
  const text = bars(
    "Words",
    [
      { label: "気候", count: 7, note: "in 3 articles" },
      { label: "אקלים", count: 14, note: "in 12 articles" },
      { label: "climate", count: 1, note: "in 1 article" },
    ],
    { ...look, columns: 60 },
  );
  expect(text.split("\n").slice(1, 4)).toEqual([
    " 気候      7  in 3 articles   ██████████████▌",
    " \u2068אקלים\u2069    14  in 12 articles  █████████████████████████████",
    " climate   1  in 1 article    ██▏",
  ]);
});

test.each([20, 30, 60, 100, 200])("no line is wider than %i columns", (columns) => {
  const text = bars("Words", [{ label: "x".repeat(90), count: 123_456_789 }], { ...look, columns });
  for (const line of text.split("\n")) expect(width(line)).toBeLessThanOrEqual(columns);
});
