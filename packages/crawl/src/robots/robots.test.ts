import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseRobots } from "./robots.ts";
import { RobotsPath, RobotsPattern } from "./pattern.ts";

const SITE = "https://news.example";

test.each(["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw", "Disallowed"])(
  "%s is taken for a disallow",
  (typed) => {
    expect(parseRobots(`user-agent: *\n${typed}: /a\n`).isAllowed("bot", `${SITE}/a`)).toBe(false);
  },
);

test.each(["user-agent", "useragent", "user agent", "User-Agents"])("%s is taken for a user agent", (typed) => {
  expect(parseRobots(`${typed}: *\ndisallow: /a\n`).isAllowed("bot", `${SITE}/a`)).toBe(false);
});

test("a mistyped allow is not guessed at", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /\nalow: /a\n");
  expect(robots.isAllowed("bot", `${SITE}/a`)).toBe(false);
});

test("the rule that decided says where it stands", () => {
  const robots = parseRobots("# for all\r\nuser-agent: *\r\n\r\ndisallow: /caf\u00E9 # closed\r\nallow: /\r\n");
  expect(robots.ruleFor("bot", `${SITE}/caf\u00E9/menu`)).toEqual({ allow: false, path: "/caf\u00E9", line: 4 });
  expect(robots.ruleFor("bot", `${SITE}/a`)).toEqual({ allow: true, path: "/", line: 5 });
  expect(parseRobots("").ruleFor("bot", `${SITE}/a`)).toBeUndefined();
});

test("bytes in no charset are compared as bytes", () => {
  const robots = parseRobots(Buffer.from("user-agent: *\ndisallow: /caf\xE9\n", "latin1"));
  expect(robots.isAllowed("bot", `${SITE}/caf%E9`)).toBe(false);
  expect(robots.isAllowed("bot", `${SITE}/caf\u00E9`)).toBe(true);
});

test("a view into a larger buffer is read where it begins", () => {
  const bytes = Buffer.from("disallow: /\nuser-agent: *\ndisallow: /b\n");
  const robots = parseRobots(new Uint8Array(bytes.buffer, bytes.byteOffset + 12, bytes.length - 12));
  expect([robots.isAllowed("bot", "/a"), robots.isAllowed("bot", "/b")]).toEqual([true, false]);
});

test("a crawl delay is in seconds, and the longest of several holds", () => {
  const robots = parseRobots("user-agent: a\ncrawl-delay: 0.5\ndisallow: /x\nuser-agent: a\nCrawlDelay: 2\n");
  expect(robots.crawlDelay("a")).toBe(2000);
  expect(robots.crawlDelay("b")).toBeUndefined();
  for (const nonsense of ["", "-1", "soon", "1e9", "Infinity", "0x10", "10 minutes"]) {
    expect(parseRobots(`user-agent: *\ncrawl-delay: ${nonsense}\n`).crawlDelay("a")).toBeUndefined();
  }
});

test("a crawl delay is for those that are named before it; the rules are for all of their group", () => {
  const robots = parseRobots("user-agent: slow\ncrawl-delay: 60\nuser-agent: *\ndisallow: /x\n");
  expect([robots.crawlDelay("slow"), robots.crawlDelay("bot")]).toEqual([60_000, undefined]);
  expect([robots.isAllowed("slow", "/x"), robots.isAllowed("bot", "/x")]).toEqual([false, false]);
});

test("an error page in HTML forbids nothing", () => {
  const page =
    "<!doctype html>\n<html><head><title>Not found: nothing</title></head>\n<body>disallow: /</body></html>\n";
  expect(parseRobots(page).isAllowed("bot", `${SITE}/a`)).toBe(true);
});

test("an escape that is none is only characters", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /100%\ndisallow: /a%zz\n");
  expect(robots.isAllowed("bot", `${SITE}/100%/b`)).toBe(false);
  expect(robots.isAllowed("bot", `${SITE}/a%zz`)).toBe(false);
});

test("characters that no address holds are encoded in rules as they are in addresses", () => {
  const robots = parseRobots('user-agent: *\ndisallow: /a b\ndisallow: /{x}"|\n');
  expect(robots.isAllowed("bot", new URL("/a b", SITE).href)).toBe(false);
  expect(robots.isAllowed("bot", new URL('/{x}"|', SITE).href)).toBe(false);
});

test("a rule for a piece of a query holds whether or not what it is about is encoded", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /*to=%2Fin\ndisallow: /*/print/\n");
  expect(robots.isAllowed("bot", `${SITE}/go?to=%2Fin`)).toBe(false);
  expect(robots.isAllowed("bot", `${SITE}/go?at=/a/print/`)).toBe(false);
  expect(robots.isAllowed("bot", `${SITE}/go?at=%2Fa%2Fprint%2F`)).toBe(false);
  expect(robots.isAllowed("bot", `${SITE}/a%2Fprint%2F`)).toBe(true);
});

// ---- matching ------------------------------------------------------------------------------------------------------

/** Slow, and right for everybody to see. */
function asRegExp(pattern: string): RegExp {
  const end = pattern.endsWith("$");
  const literals = (end ? pattern.slice(0, -1) : pattern).split("*").map((literal) => RegExp.escape(literal));
  return new RegExp(`^${literals.join("[^]*")}${end ? "$" : ""}`);
}

const piece = fc.constantFrom("a", "b", "/", "ab", "aa", "*", "**", "$", "?", "aaaaaaaaaaaaaaaab");

test("matching is that of the regular expression that says the same", () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.constantFrom("a", "b", "/", "ab", "?", "aaaaaaaa"), { maxLength: 12 }),
      (pattern, path) => {
        const [rule, text] = [`/${pattern.join("")}`, `/${path.join("")}`];
        // A dollar inside of a rule is one as well as its escape, and no path here has either.
        expect(new RobotsPattern(rule).matches(new RobotsPath(SITE + text))).toBe(asRegExp(rule).test(text));
      },
    ),
    { numRuns: 3000 },
  );
});

test("long literals are found where they first stand, as by the engine's search", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 33, maxLength: 60 });
  fc.assert(
    fc.property(
      letters,
      fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 400 }),
      fc.boolean(),
      (long, text, put) => {
        const path = put ? `/${text}${long}${text}` : `/${text}`;
        expect(new RobotsPattern(`/*${long}`).matches(new RobotsPath(path))).toBe(path.includes(long));
        // The next literal is looked for behind the first place of this one, and that needs the right place.
        expect(new RobotsPattern(`/*${long}*${text}b$`).matches(new RobotsPath(path))).toBe(
          asRegExp(`/*${long}*${text}b$`).test(path),
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test("patterns made to be tried in every way are matched in one pass", () => {
  const path = new RobotsPath(`/${"a".repeat(8000)}`);
  expect(new RobotsPattern(`/${"*a".repeat(4000)}b`).matches(path)).toBe(false);
  expect(new RobotsPattern(`/${"a*".repeat(8000)}$`).matches(path)).toBe(true);
  expect(new RobotsPattern(`/${"*".repeat(16_000)}b`).matches(path)).toBe(false);
  const rules = `disallow: /*b${"a".repeat(7000)}\n`.repeat(70);
  expect(parseRobots(`user-agent: *\n${rules}`).isAllowed("bot", `/${"a".repeat(8000)}`)).toBe(true);
});

test("any bytes at all are read, and forbid only by a rule that stands in them", { tags: ["long"] }, () => {
  const line = fc.constantFrom(
    "user-agent: *",
    "disallow: /a",
    "allow: /",
    "\xFF",
    ":",
    "#",
    "\r",
    "\n",
    "crawl-delay:",
    "%",
    "*$",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string({ unit: "binary", maxLength: 8 })), { maxLength: 20 }), (parts) => {
      const file = parts.join("\n");
      const robots = parseRobots(file);
      const rule = robots.ruleFor("bot", `${SITE}/a`);
      expect(robots.isAllowed("bot", `${SITE}/a`)).toBe(rule?.allow ?? true);
      if (rule !== undefined) expect(file.split(/\r\n|\r|\n/)[rule.line - 1]).toContain(rule.path.slice(0, 2));
    }),
  );
});
