import { expect, test } from "vitest";
import { grid } from "./grid.ts";
import type { Look } from "./look.ts";
import { paint } from "./paint.ts";
import { width } from "./text.ts";

const look: Look = { columns: 60, paint: paint(false), rows: Infinity };

interface Row {
  readonly title: string;
  readonly n: number;
}

const NAME = { title: "TITLE", cell: ({ title }: Row): string => title };
const COLUMNS = [
  { title: "N", align: "right" as const, cell: ({ n }: Row): string => String(n) },
  { title: "SQUARE", align: "right" as const, cell: ({ n }: Row): string => String(n * n), spare: 1 },
  { title: "WORDS", cell: ({ n }: Row): string => "so many words ".repeat(n).trim(), spare: 2 },
];

test("columns stay straight, whatever script a name is in", () => {
  const rows = [
    { title: "Climate", n: 2 },
    { title: "東京の気候", n: 12 },
    { title: "👩‍👩‍👧 family", n: 3 },
    { title: "חדשות האקלים", n: 4 },
    { title: "أخبار المناخ", n: 5 },
  ];
  expect(`\n${grid(rows, NAME, COLUMNS.slice(0, 2), look)}`).toBe(`
 TITLE          N  SQUARE
 Climate        2       4
 東京の気候    12     144
 👩‍👩‍👧 family      3       9
 \u2068חדשות האקלים\u2069   4      16
 \u2068أخبار المناخ\u2069   5      25
`);
});

test("a name from right to left is isolated after it was cut, so that its row's numbers stay where they are", () => {
  const text = grid([{ title: "חדשות ".repeat(30), n: 1 }], NAME, COLUMNS.slice(0, 2), { ...look, columns: 30 });
  const row = text.split("\n")[1] ?? "";
  expect(row).toMatch(/^ \u2068[^\u2068\u2069]*…\u2069 +1 +1$/);
  expect(width(row)).toBeLessThanOrEqual(30);
});

test("signs of direction that a stranger put in are taken out, ours are balanced", () => {
  const text = grid([{ title: "\u202Eevil\u2068 אבג", n: 1 }], NAME, COLUMNS.slice(0, 1), look);
  expect(text.split("\n")[1]).toBe(" \u2068evil אבג\u2069  1");
});

test("where there is too little room, the least important columns are left out first", () => {
  const rows = [{ title: "a name of twenty-two", n: 2 }];
  expect(grid(rows, NAME, COLUMNS, look).split("\n")[0]).toBe(" TITLE                N  SQUARE  WORDS");
  expect(grid(rows, NAME, COLUMNS, { ...look, columns: 35 }).split("\n")[0]).toBe(" TITLE                 N  SQUARE");
  expect(grid(rows, NAME, COLUMNS, { ...look, columns: 22 }).split("\n")).toEqual([
    " TITLE               N",
    " a name of twenty-…  2",
    "",
  ]);
});

test.each([20, 40, 60, 200])("no line is wider than %i columns", (columns) => {
  const rows = [
    { title: "東京".repeat(60), n: 30 },
    { title: "שלום".repeat(60), n: 4_000_000 },
  ];
  const some = [{ title: "东".repeat(9), n: 1 }];
  for (const line of grid(
    [...rows, ...some].map((row) => ({ ...row, n: row.n % 7 })),
    NAME,
    COLUMNS,
    { ...look, columns, rows: 2 },
  ).split("\n")) {
    expect(width(line)).toBeLessThanOrEqual(columns);
  }
});

test("colours make nothing wider, and stand only around their text", () => {
  const painted = { ...look, paint: paint(true) };
  const red = {
    title: "N",
    align: "right" as const,
    cell: ({ n }: Row): string => String(n),
    paint: painted.paint.red,
  };
  const [, first, second] = grid(
    [
      { title: "a", n: 1 },
      { title: "b", n: 100 },
    ],
    NAME,
    [red],
    painted,
  ).split("\n");
  expect(first).toBe(" a        \u001B[31m1\u001B[39m");
  expect(second).toBe(" b      \u001B[31m100\u001B[39m");
});
