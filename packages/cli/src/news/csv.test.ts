import * as fc from "fast-check";
import { expect, test } from "vitest";
import { csvLine } from "./csv.ts";

/** Reads CSV as RFC 4180 has it, strictly: what is not in its grammar throws. */
function parse(text: string): string[][] {
  const lines: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let field = "";
    if (text[at] === '"') {
      for (at++; ;) {
        const end = text.indexOf('"', at);
        if (end === -1) throw new Error("an open quote");
        field += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        field += '"';
        at++;
      }
    } else {
      const [plain = ""] = /^[^",\r\n]*/.exec(text.slice(at)) ?? [];
      field = plain;
      at += plain.length;
    }
    lines.at(-1)?.push(field);
    if (text.startsWith("\r\n", at)) {
      at += 2;
      if (at < text.length) lines.push([]);
    } else if (text[at] === "," && at + 1 <= text.length) at++;
    else throw new Error(`${JSON.stringify(text[at])} at ${at}`);
    if (text[at - 1] === "," && (text[at] === "\r" || at === text.length)) {
      lines.at(-1)?.push("");
      at += 2;
      if (at < text.length) lines.push([]);
    }
  }
  return lines;
}

test("quotes, commas and line breaks stand in quotes, and lines end in CR LF", () => {
  expect(csvLine(["a", 'say "x"', "1,2", "two\nlines", undefined, 7])).toBe('a,"say ""x""","1,2","two\nlines",,7\r\n');
});

test("what is written is read back, by the grammar of RFC 4180", () => {
  const safe = fc.string().filter((text) => !/^[\s\p{Cc}]*[=+\-@＝＋－＠]|^[\t\r\n]/u.test(text));
  const line = fc.array(safe, { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
      expect(parse(lines.map((each) => csvLine(each)).join(""))).toEqual(lines);
    }),
  );
});

test.each([
  "=1+1",
  '=HYPERLINK("http://evil.example","x")',
  "+1",
  "-1",
  "@SUM(A1)",
  "\t=1",
  "\r=1",
  " =1",
  "＝1",
  "\u0000=1",
])("%j would be a formula, and gets an apostrophe", (text) => {
  const [[field] = []] = parse(csvLine([text, "x"]));
  expect(field).toBe(`'${text}`);
});

test("what only contains such signs, and numbers of ours, stay as they are", () => {
  expect(csvLine(["a=b", "1-2", "https://a.example/?x=-1", -5])).toBe("a=b,1-2,https://a.example/?x=-1,-5\r\n");
});
