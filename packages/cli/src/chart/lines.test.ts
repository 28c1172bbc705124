import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Look } from "../look.ts";
import { paint, SERIES } from "../paint.ts";
import { width } from "../text.ts";
import { lines, type Series } from "./lines.ts";
import { mark, MOST_SERIES } from "./marks.ts";

const look: Look = { columns: 60, paint: paint(false), rows: Infinity };

function daysFrom(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) =>
    new Date(Date.parse(first) + at * 86_400_000).toISOString().slice(0, 10),
  );
}

const fortnight = daysFrom("2026-11-09", 14);
const rising: Series = { values: fortnight.map((_, day) => day * 3) };
const falling: Series = { values: fortnight.map((_, day) => 26 - day * 2) };
const gapped: Series = { values: fortnight.map((_, day) => (day > 4 && day < 9 ? undefined : 10)) };

test("two series cross, each with its own mark", () => {
  expect(`\n${lines(fortnight, [rising, falling], look)}`).toMatchInlineSnapshot(`
    "
     40 ┤                                                  ⢀⡠⠤●
        │                                             ●⡠⠔⠒⠉⠁
        │                                       ⣀⡠⠤⠒⠊⠉
        │⠤⣀⣀                               ⣀⠤⠔●⠉
        │   ⠉▲⠒⠒⠤⠤⢄⣀⡀                ⣀●⠤⠒⠊⠉
     20 ┤           ⠈▲⠉⠑⠒⠒⠢⠤⢄▲⣀⡠⠤⠒⠒⠉⠉
        │                ⣀⡠⠔⠒●⠉⠉⠑⠒⠒⠤⠤⣀▲
        │          ⢀⣀●⠔⠊⠉              ⠉⠉⠒⠒⠤⠤⣀▲
        │     ⣀⠤⠔⠒⠉⠁                           ⠉⠉⠒⠒⠢⠤⢄▲⡀
      0 ┼⣀⠤⠒⠊●                                         ⠈⠉⠑⠒⠢⠤⢄▲
                              15 Nov                     22 Nov
    "
  `);
});

test("in ASCII the same chart is of letters and points", () => {
  const text = lines(fortnight, [rising, falling], { ...look, unicode: false });
  expect(`\n${text}`).toMatchInlineSnapshot(`
    "
     40 ┤                                                  ...o
        │                                             o.....
        │                                       ......
        │...                               ...o.
        │   .x.......                .o....
     20 ┤           .x.......x.......
        │                ....o........x
        │          ..o...              .......x
        │     ......                           .......x.
      0 ┼....o                                         .......x
                              15 Nov                     22 Nov
    "
  `);
});

test("a gap is left open, and no line goes across", () => {
  const text = lines(fortnight, [gapped], look);
  expect(`\n${text}`).toMatchInlineSnapshot(`
    "
     10 ┤●⠉⠉⠉⠉⠉⠉⠉●⠉⠉⠉⠉⠉⠉⠉●                    ●⠉⠉⠉⠉⠉⠉⠉●⠉⠉⠉⠉⠉⠉⠉●
        │
        │
        │
        │
      5 ┤
        │
        │
        │
      0 ┼
                              15 Nov                     22 Nov
    "
  `);
});

test("the chart takes what width there is", () => {
  const narrow = lines(fortnight, [rising, gapped], { ...look, columns: 40 });
  expect(`\n${narrow}`).toMatchInlineSnapshot(`
    "
     40 ┤                               ⢀⡠●
        │                            ⢀⠤⠒⠁
        │                        ⢀⡠●⠊⠁
        │                     ⣀⠤⠊⠁
        │                 ⢀⡠⠔●
     20 ┤             ⢀⡠⠔⠊⠁
        │          ⣀⠤⠒●
        │⠒⠒▲⠒⠒⠒⢒●⠒⠛▲            ⠒⠒⠒▲⠒⠒⠒⠒⠒⠒▲
        │   ⣀⠤⠊⠁
      0 ┼●⠔⠊
                     15 Nov          22 Nov
    "
  `);
  const wide = lines(fortnight, [rising, gapped], { ...look, columns: 100 });
  expect(`\n${wide}`).toMatchInlineSnapshot(`
    "
     40 ┤                                                                                        ⣀⣀⠤⠤⠔●
        │                                                                              ⣀●⡠⠤⠤⠒⠒⠊●⠉
        │                                                                    ⢀⣀⣀⠤●⠔⠒⠊⠉⠉
        │                                                           ⣀⣀⠤⠤⠔●⠒⠉⠉⠁
        │                                                 ⣀●⣀⠤⠤⠒⠒⠊●⠉
     20 ┤                                     ⢀⣀⡠⠤⠤⠒●⠒⠉⠉⠉⠉
        │                            ⣀●⡠⠤⠔⠒⠒⠉●⠁
        │▲⠒⠒⠒⠒⠒⠒▲⠒⠒⠒⠒⠒⠒▲⠒⠒⠒⣒⣒⡲●⠶⠒⠒⠚⠛⠛⠒▲                                  ▲⠒⠒⠒⠒⠒⠒⠒▲⠒⠒⠒⠒⠒⠒▲⠒⠒⠒⠒⠒⠒▲⠒⠒⠒⠒⠒⠒▲
        │        ⢀⣀⣀⠤⠤⠔●⠒⠉⠉
      0 ┼●⡠⠤⠔⠒⠒⠉●⠁
             10 Nov        12 Nov         14 Nov        16 Nov        18 Nov         20 Nov      22 Nov
    "
  `);
  const widest = lines(fortnight, [rising], { ...look, columns: 200 }).split("\n");
  expect(Math.max(...widest.map(width))).toBe(199);
});

test("a year is drawn in as many columns as there are, with its years named", () => {
  const days = daysFrom("2025-11-23", 365);
  const text = lines(days, [{ values: days.map((_, day) => Math.round(50 + 40 * Math.sin(day / 30))) }], look);
  expect(`\n${text}`).toMatchInlineSnapshot(`
    "
     100 ┤
         │    ●⠚⠉⠉⠓⢆⡀                    ⣠⠖⠉●⠓⢦⡀
         │  ⢠⠞⠁     ●⣄                 ⢀⡜⠁     ⠑⣆
         │ ⣰⠋        ⠘⢆               ●⠎        ⠈⢧
         │⡰⠁          ⠈⢦             ⢠⠋          ⠈●
      50 ┤⠁            ⠈⢣           ⣰⠃             ⢳⡀
         │               ⢳⡀        ⡴⠁               ⠱⡀        ●
         │                ●⣄     ⢀⠞⠁                 ⠙⢄     ⢀⡴⠁
         │                 ⠈⠳⢄⣀⣠●⠋                    ⠈⠳●⣀⣀⡤⠋
       0 ┼
          23 Nov 2025          24 May 2026          22 Nov 2026
    "
  `);
});

test("without room, or without two days, there is no chart", () => {
  expect(lines(fortnight, [rising], { ...look, columns: 28 })).toBe("");
  expect(lines(fortnight.slice(0, 1), [rising], look)).toBe("");
});

test("no line is wider than the terminal, whatever the numbers are", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 200 }),
      fc.integer({ min: 2, max: 120 }),
      fc.array(fc.array(fc.option(fc.nat(2_000_000_000), { nil: undefined }), { maxLength: 120 }), { maxLength: 9 }),
      fc.boolean(),
      (columns, count, series, unicode) => {
        const days = daysFrom("2026-01-01", count);
        const drawn = series.map((values) => ({ values: values.slice(0, count) }));
        for (const line of lines(days, drawn, { ...look, columns, unicode }).split("\n")) {
          expect(width(line)).toBeLessThanOrEqual(columns);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("every series can be found by its mark alone, in a chart without colours", () => {
  const flat = Array.from({ length: MOST_SERIES }, (_, at) => ({ values: fortnight.map(() => at * 5) }));
  const text = lines(fortnight, flat, { ...look, columns: 100 });
  const ascii = lines(fortnight, flat, { ...look, columns: 100, unicode: false });
  for (let at = 0; at < MOST_SERIES; at++) {
    expect(text).toContain(mark(at, look));
    expect(ascii).toContain(mark(at, { ...look, unicode: false }));
  }
  expect(new Set(flat.map((_, at) => mark(at, look))).size).toBe(MOST_SERIES);
});

test("series that lie on one another take turns with their marks", () => {
  const same = { values: fortnight.map(() => 5) };
  const text = lines(fortnight, [same, same], look);
  expect(text).toContain("●");
  expect(text).toContain("▲");
});

test("colours are those of Okabe and Ito, each as the nearest of the 256 that terminals have", () => {
  const levels = [0, 95, 135, 175, 215, 255];
  const cube = levels.flatMap((r) => levels.flatMap((g) => levels.map((b) => [r, g, b])));
  const greys = Array.from({ length: 24 }, (_, at) => [8 + at * 10, 8 + at * 10, 8 + at * 10]);
  const all = [...cube, ...greys];
  for (const { name, rgb, code } of SERIES) {
    const wanted = [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
    const distance = (colour: readonly number[]): number =>
      colour.reduce((sum, part, at) => sum + (part - (wanted[at] ?? 0)) ** 2, 0);
    expect([name, distance(all[code - 16] ?? [])]).toEqual([name, Math.min(...all.map(distance))]);
  }
  const coloured = lines(fortnight, [rising, falling], { ...look, paint: paint(true) });
  expect(coloured).toContain("\u001B[38;5;74m●\u001B[39m");
  expect(coloured).toContain("\u001B[38;5;178m▲\u001B[39m");
  const orange = coloured.split("\u001B[38;5;178m").slice(1);
  expect(orange.some((drawn) => /^[\u2801-\u28FF]/.test(drawn))).toBe(true);
});
