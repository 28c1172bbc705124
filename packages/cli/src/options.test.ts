import { expect, test } from "vitest";
import { checkTerms, inWords, oneOf, parseOptions } from "./options.ts";
import { UsageError } from "./usage.ts";

const trends = { name: "rondo news trends", takes: ["term", "days", "json"] as const };
const top = { name: "rondo news top", takes: ["since", "limit", "json"] as const };
const rising = { name: "rondo news rising", takes: ["days", "limit", "json"] as const };

function refusal(work: () => unknown): UsageError {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test("a command's own options are taken, with what else stands there", () => {
  const { values, positionals } = parseOptions(trends, ["a", "--term", "x", "--term=y", "--json", "b"]);
  expect(values).toEqual({ term: ["x", "y"], json: true });
  expect(positionals).toEqual(["a", "b"]);
});

test("an option of another command is refused by naming who has it", () => {
  expect(refusal(() => parseOptions(trends, ["--since", "7d"], [top, rising]))).toMatchObject({
    message: "rondo news trends has no option --since",
    hint: "rondo news top has it; rondo news trends --help shows what there is",
  });
  expect(refusal(() => parseOptions(trends, ["--limit=3"], [top, rising])).hint).toMatch(
    /^rondo news top and rondo news rising have it;/,
  );
  const many = ["a", "b", "c", "d"].map((name) => ({ name, takes: ["db"] as const }));
  expect(refusal(() => parseOptions(trends, ["--db", "x"], many)).hint).toMatch(/^a, b, c and others have it;/);
});

test("an option that nobody has is refused with the one that was probably meant", () => {
  expect(refusal(() => parseOptions(trends, ["--tem", "x"], [top]))).toMatchObject({
    message: "there is no option --tem",
    hint: "did you mean --term?",
  });
  expect(refusal(() => parseOptions(trends, ["--frobnicate"], [top])).hint).toBe(
    "rondo news trends --help shows what there is",
  );
  expect(refusal(() => parseOptions(trends, ["-x"], [top])).message).toBe("there is no option -x");
});

test("a value that is missing, and one that does not belong, are refused in a sentence", () => {
  expect(refusal(() => parseOptions(trends, ["--term"])).message).toBe("--term wants a value");
  expect(refusal(() => parseOptions(trends, ["--days", "--json"])).message).toBe("--days wants a value");
  expect(refusal(() => parseOptions(trends, ["--json=yes"])).message).toContain("--json");
});

test("a choice is one of those there are, and a slip of the finger is told", () => {
  expect(oneOf("--by", "source", ["source", "language"])).toBe("source");
  expect(oneOf("--by", undefined, ["source"])).toBeUndefined();
  expect(refusal(() => oneOf("--by", "langauge", ["source", "language"]))).toMatchObject({
    message: '--by takes source or language, not "langauge"',
    hint: "did you mean --by language?",
  });
  expect(refusal(() => oneOf("--format", "pdf", ["jsonl", "csv"])).hint).toBe("as in --format jsonl");
});

test("a term has a letter or a digit", () => {
  expect(checkTerms(["C++", "‘quoted’", '"x"', "3"])).toHaveLength(4);
  expect(refusal(() => checkTerms(['"'])).message).toBe('--term "\\"" has no letter and no digit');
});

test("lists are said as people say them", () => {
  expect([inWords([]), inWords(["a"]), inWords(["a", "b"]), inWords(["a", "b", "c"], "or")]).toEqual([
    "",
    "a",
    "a and b",
    "a, b or c",
  ]);
});
