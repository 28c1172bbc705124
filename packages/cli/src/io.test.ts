import { expect, test } from "vitest";
import { columnsOf, wantsColour, wantsUnicode } from "./io.ts";

const terminal = { write: (): void => undefined, isTTY: true, columns: 120 };
const pipe = { write: (): void => undefined };

test.each([
  [terminal, {}, true],
  [pipe, {}, false],
  [terminal, { NO_COLOR: "1" }, false],
  [terminal, { NO_COLOR: "" }, true],
  [terminal, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  [pipe, { FORCE_COLOR: "1" }, true],
  [pipe, { FORCE_COLOR: "3" }, true],
  [terminal, { FORCE_COLOR: "0" }, false],
  [terminal, { TERM: "dumb" }, false],
  [terminal, { TERM: "dumb", FORCE_COLOR: "1" }, true],
])("colours, case %#", (output, env, wanted) => {
  expect(wantsColour(output, env)).toBe(wanted);
});

test.each([
  [{}, true],
  [{ LANG: "en_US.UTF-8" }, true],
  [{ LANG: "C.utf8" }, true],
  [{ LANG: "C" }, false],
  [{ LANG: "de_DE.ISO-8859-1" }, false],
  [{ LC_ALL: "POSIX", LANG: "en_US.UTF-8" }, false],
  [{ LC_ALL: "", LC_CTYPE: "en_US.UTF-8", LANG: "C" }, true],
  [{ TERM: "linux", LANG: "en_US.UTF-8" }, false],
])("blocks and dots with %j: %s", (env, wanted) => {
  expect(wantsUnicode(env)).toBe(wanted);
});

test("columns are the terminal's, or those COLUMNS says, within reason", () => {
  expect(columnsOf(terminal)).toBe(120);
  expect(columnsOf({ ...terminal, columns: 5 })).toBe(20);
  expect(columnsOf({ ...terminal, columns: 500 })).toBe(200);
  expect(columnsOf(pipe)).toBe(100);
  expect(columnsOf(pipe, { COLUMNS: "72" })).toBe(72);
  expect(columnsOf(pipe, { COLUMNS: "wide" })).toBe(100);
  expect(columnsOf(terminal, { COLUMNS: "72" })).toBe(120);
});
