import { expect, test } from "vitest";
import { UsageError } from "../usage.ts";
import { parseNewsArgs } from "./args.ts";

function refusal(...argv: string[]): UsageError {
  try {
    parseNewsArgs(argv);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`${argv.join(" ")} was taken`);
}

test("without anything said the defaults hold", () => {
  expect(parseNewsArgs([])).toEqual({
    urls: [],
    feeds: [],
    terms: [],
    top: 10,
    rows: Infinity,
    concurrency: 64,
    perHost: 2,
    timeout: 15_000,
    allowPrivate: false,
    articles: false,
    html: undefined,
    json: false,
    demo: false,
    db: undefined,
    keep: true,
    now: false,
  });
});

test("everything can be said", () => {
  const argv =
    "https://a.example https://b.example --feeds x.opml --feeds y.txt --term storm --term=climate --top 5 --rows 3 --concurrency 8 --per-host 1 --timeout 300ms --json";
  expect(parseNewsArgs(argv.split(" "))).toMatchObject({
    urls: ["https://a.example", "https://b.example"],
    feeds: ["x.opml", "y.txt"],
    terms: ["storm", "climate"],
    top: 5,
    rows: 3,
    concurrency: 8,
    perHost: 1,
    timeout: 300,
    json: true,
  });
});

test("with terms the commonest words are shown only when asked for", () => {
  expect(parseNewsArgs(["--term", "storm"]).top).toBe(0);
  expect(parseNewsArgs(["--term", "storm", "--top", "3"]).top).toBe(3);
});

test.each([
  ["15s", 15_000],
  ["1.5m", 90_000],
  ["2 min", 120_000],
  ["1h", 3_600_000],
])("--timeout %s is %i ms", (text, ms) => {
  expect(parseNewsArgs(["--timeout", text]).timeout).toBe(ms);
});

test.each(["15", "0s", "-1s", "soon", "", "30d", "25h"])("--timeout %s is refused with examples", (text) => {
  const error = refusal(`--timeout=${text}`);
  expect(error.message).toContain("takes a time with its unit");
  expect(error.hint).toBe("as in --timeout 15s, 300ms or 2m");
});

test.each(["0", "-1", "1.5", "many", "", "1e2", "99999"])("--concurrency %s is refused", (text) => {
  expect(refusal(`--concurrency=${text}`).message).toContain("whole number from 1 to 10000");
});

test("an unknown option is refused with the one that was probably meant", () => {
  expect(refusal("--tem", "x")).toMatchObject({ message: "there is no option --tem", hint: "did you mean --term?" });
  expect(refusal("--frobnicate").hint).toContain("--help");
  expect(refusal("-x").message).toBe("there is no option -x");
});

test("an option without its value and a value where none belongs are refused in one sentence", () => {
  expect(refusal("--term").message).toContain("--term");
  expect(refusal("--json=yes").message).toContain("--json");
});

test("a term of nothing but signs is refused", () => {
  expect(refusal("--term", "--top=1", "--term", "…").message).toBeDefined();
  expect(refusal("--term", "…").message).toBe('--term "…" has no letter and no digit');
});

test("the demonstration takes no other sources", () => {
  expect(refusal("--demo", "https://a.example").message).toBe("--demo has its own sources");
  expect(parseNewsArgs(["--demo"])).toMatchObject({ rows: 12, concurrency: 258 });
});

test("the demonstration remembers nothing unless it is told where", () => {
  expect(parseNewsArgs(["--demo"]).keep).toBe(false);
  expect(parseNewsArgs(["--demo", "--db", "x.db"])).toMatchObject({ keep: true, db: "x.db" });
  expect(parseNewsArgs(["--no-db"]).keep).toBe(false);
});

test("what contradicts itself is refused", () => {
  expect(refusal("--demo", "--articles").message).toBe("--demo has no links to follow");
  expect(refusal("--db", "x.db", "--no-db").message).toBe("--db and --no-db say different things");
  expect(refusal("--no-db", "--now").message).toContain("everything is fetched in any case");
});
