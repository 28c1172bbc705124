// The behaviours that google/robotstxt shows in its robots_test.cc, each here with data of our own. Most robots.txt on the
// web were written with that reader in mind. Two of them contradict RFC 9309 and are here with what the RFC says.

import { expect, test } from "vitest";
import { LINE_LIMIT, type RobotsLine, robotsLines } from "./lines.ts";
import { pathOf } from "./pattern.ts";
import { parseRobots, productToken } from "./robots.ts";

const SITE = "http://news.example";

/** Which of the paths a robot may ask for. */
function allowed(file: string, agent: string, paths: readonly string[]): string[] {
  const robots = parseRobots(file);
  return paths.filter((path) => robots.isAllowed(agent, SITE + path));
}

function lines(text: string): RobotsLine[] {
  return [...robotsLines(text)];
}

test("an empty file allows everything, and so does one that names somebody else", () => {
  expect(parseRobots("").isAllowed("Crow", "")).toBe(true);
  expect(parseRobots("").isAllowed("", "")).toBe(true);
  const closed = parseRobots("user-agent: Crow\ndisallow: /\n");
  expect(closed.isAllowed("", "")).toBe(true);
  expect(closed.isAllowed("Crow", "")).toBe(false);
});

test("a robot without a name is nobody's, not even that of a line without one", () => {
  expect(parseRobots("user-agent: \nuser-agent: 7up\ndisallow: /\n").isAllowed("", SITE)).toBe(true);
});

test("a line is a name, a colon and a value; the colon may be missing where there are just two words", () => {
  expect(allowed("user-agent: Crow\ndisallow: /\n", "Crow", ["/a/b"])).toEqual([]);
  expect(allowed("agent: Crow\nforbid: /\n", "Crow", ["/a/b"])).toEqual(["/a/b"]);
  expect(allowed("user-agent Crow\ndisallow \t /\n", "Crow", ["/a/b"])).toEqual([]);
  expect(allowed("user-agent: Crow\ndisallow / now\n", "Crow", ["/a/b"])).toEqual(["/a/b"]);
});

const GROUPED = `allow: /open/to/nobody/

user-agent: Crow
disallow: /
allow: /c/
user-agent: Jay
disallow: /
allow: /j/


allow: /k/
user-agent: Owl

user-agent: Crow
allow: /l/
disallow: /
`;

test.each([
  ["Crow", ["/c/1", "/l/1"]],
  ["Jay", ["/j/1", "/k/1"]],
  ["Owl", ["/l/1"]],
])(
  "a group goes to the next user agent, empty lines end none, and rules before the first are ignored: %s",
  (agent, may) => {
    expect(allowed(GROUPED, agent, ["/c/1", "/j/1", "/k/1", "/l/1", "/open/to/nobody/"])).toEqual(may);
  },
);

test.each(["Sitemap: https://news.example/map", "Fly-Direction: south"])("a group is not ended by %s", (other) => {
  const file = `User-agent: Jay\n${other}\nUser-agent: *\nDisallow: /\n`;
  expect(parseRobots(file).isAllowed("Crow", SITE)).toBe(false);
  expect(parseRobots(file).isAllowed("Jay", SITE)).toBe(false);
});

test.each([
  "USER-AGENT: Crow\nALLOW: /c/\nDISALLOW: /\n",
  "user-agent: Crow\nallow: /c/\ndisallow: /\n",
  "UsEr-aGENT: Crow\naLLoW: /c/\nDisALLOW: /\n",
])("names of lines may be written in any case: %j", (file) => {
  expect(allowed(file, "Crow", ["/c/d", "/e/f"])).toEqual(["/c/d"]);
});

test("a product token is letters, underscores and hyphens, and nothing else", () => {
  for (const token of ["Crow", "Crow-Images", "Crow_News"]) expect(productToken(token)).toBe(token);
  for (const none of ["", "\u30C4", "*", "2crow", " Crow"]) expect(productToken(none)).toBeUndefined();
  for (const more of ["Crow*", "Crow ", "Crow/2.1", "Crow News"]) expect(productToken(more)).toBe("Crow");
});

test.each(["CROW NEST", "crow nest", "CrOw nEsT"])("the case of a robot's name does not count: %s", (written) => {
  const file = `User-Agent: ${written}\nAllow: /c/\nDisallow: /\n`;
  for (const agent of ["Crow", "crow"]) expect(allowed(file, agent, ["/c/d", "/e/f"])).toEqual(["/c/d"]);
});

test("a name in the file counts up to its first space; a robot that gives more than a token is not named by it", () => {
  const file = "User-Agent: *\nDisallow: /\nUser-Agent: Crow Nest\nAllow: /c/\nDisallow: /\n";
  expect(allowed(file, "Crow", ["/c/d"])).toEqual(["/c/d"]);
  expect(allowed(file, "Crow Nest", ["/c/d"])).toEqual([]);
});

test("the group for everybody is for those that have none of their own", () => {
  const everybody = "user-agent: *\nallow: /\nuser-agent: Crow\ndisallow: /\n";
  expect(allowed(everybody, "Crow", ["/c"])).toEqual([]);
  expect(allowed(everybody, "Jay", ["/c"])).toEqual(["/c"]);
  const named = "user-agent: Crow\nallow: /\nuser-agent: Jay\ndisallow: /\nuser-agent: Owl\ndisallow: /\n";
  expect(allowed(named, "Wren", ["/c"])).toEqual(["/c"]);
});

test("a star with more behind it is still everybody", () => {
  expect(allowed("user-agent: * (all of you)\ndisallow: /\n", "Crow", ["/c"])).toEqual([]);
  expect(allowed("user-agent: *crow\ndisallow: /\n", "Crow", ["/c"])).toEqual(["/c"]);
});

test("the case of a path counts", () => {
  expect(allowed("user-agent: Crow\ndisallow: /c/\n", "Crow", ["/c/d", "/C/d"])).toEqual(["/C/d"]);
});

test.each([
  ["disallow: /c/nest.html\nallow: /c/", ["/c", "/c/", "/c/egg"]],
  ["allow: /c/nest.html\ndisallow: /c/", ["/c", "/c/nest.html"]],
  ["disallow:\nallow:", ["/c", "/c/", "/c/nest.html", "/c/egg"]],
  ["disallow: /\nallow: /", ["/c", "/c/", "/c/nest.html", "/c/egg"]],
  ["disallow: /c\nallow: /c/", ["/c/", "/c/nest.html", "/c/egg"]],
  ["disallow: /c/nest.html\nallow: /c/nest.html", ["/c", "/c/", "/c/nest.html", "/c/egg"]],
  ["allow: /nest\ndisallow: /*.html", ["/c", "/c/", "/c/egg"]],
  ["allow: /c/nest.\ndisallow: /*.html", ["/c", "/c/", "/c/nest.html", "/c/egg"]],
])("the longest rule wins, and of equal ones an allow: %j", (rules, may) => {
  expect(allowed(`user-agent: Crow\n${rules}\n`, "Crow", ["/c", "/c/", "/c/nest.html", "/c/egg"])).toEqual(may);
});

test("an own group allows what only the one for everybody forbids", () => {
  const file = "User-agent: *\nDisallow: /c/\nUser-agent: Crow\nDisallow: /d/\n";
  expect(allowed(file, "Crow", ["/c/nest", "/d/nest"])).toEqual(["/c/nest"]);
});

test("an address within a query is compared as it stands", () => {
  const path = "/find?from=crow&at=http://nest.example?twig&leaf";
  expect(allowed(`User-agent: Crow\nDisallow: /\nAllow: ${path}\n`, "Crow", [path, "/find"])).toEqual([path]);
});

test.each(["/birds/\u00E9", "/birds/%C3%A9", "/birds/%c3%a9"])("%s is for its encoded form", (written) => {
  const file = `User-agent: Crow\nDisallow: /\nAllow: ${written}\n`;
  // Google leaves the encoding of what is asked for to its caller; the RFC wants both sides encoded.
  expect(allowed(file, "Crow", ["/birds/%C3%A9", "/birds/\u00E9", "/birds/e"])).toEqual([
    "/birds/%C3%A9",
    "/birds/\u00E9",
  ]);
});

test("letters that are encoded without need are letters", () => {
  const file = "User-agent: Crow\nDisallow: /\nAllow: /birds/%6A%61%79\n";
  // Google compares the two as they stand; RFC 9309 (2.2.2) wants the escapes undone.
  expect(allowed(file, "Crow", ["/birds/%6A%61%79", "/birds/jay"])).toEqual(["/birds/%6A%61%79", "/birds/jay"]);
});

test("special characters: a star in the middle, a dollar at the end, a hash", () => {
  const star = "User-agent: Crow\nDisallow: /nest/old/egg\nAllow: /nest/*/twig\n";
  expect(allowed(star, "Crow", ["/nest/old/egg", "/nest/egg", "/nest//egg", "/nest/new/egg"])).toEqual([
    "/nest/egg",
    "/nest//egg",
    "/nest/new/egg",
  ]);
  const dollar = "User-agent: Crow\nDisallow: /nest/old$\nAllow: /nest/old/twig\n";
  const paths = ["/nest/old", "/nest/old/twig", "/nest/old/", "/nest/old/egg"];
  expect(allowed(dollar, "Crow", paths)).toEqual(paths.slice(1));
  const hash = "User-agent: Crow\n# Disallow: /\nDisallow: /nest/egg#twig\nAllow: /\n";
  expect(allowed(hash, "Crow", ["/nest/old", "/nest/egg"])).toEqual(["/nest/old"]);
});

test("a dollar that is not at the end is a dollar", () => {
  expect(allowed("User-agent: *\nDisallow: /a$b\n", "Crow", ["/a$b", "/a", "/ab", "/a$bc"])).toEqual(["/a", "/ab"]);
});

test("allowing the index of a directory allows the directory, and nothing else of it", () => {
  const file = "User-Agent: *\nAllow: /nest/index.html\nDisallow: /\n";
  const paths = ["/nest/", "/nest/index.htm", "/nest/index.html", "/nest/egg", "/other"];
  expect(allowed(file, "Crow", paths)).toEqual(["/nest/", "/nest/index.html"]);
});

test("a line is cut at its limit, and what is left of its rule holds", () => {
  const long = `/c/${"a".repeat(LINE_LIMIT - "disallow: /c/".length)}`;
  const other = `/c/${"b".repeat(LINE_LIMIT - "allow: /c/".length)}`;
  const short = long.slice(0, -1);
  expect(allowed(`user-agent: Crow\ndisallow: ${long}/egg\n`, "Crow", ["/fly", short, `${long}/fly`])).toEqual([
    "/fly",
    short,
  ]);
  const file = `user-agent: Crow\ndisallow: /\nallow: ${long}/egg\nallow: ${other}/egg\n`;
  // "allow" has three letters less, so three more of its path remain.
  expect(allowed(file, "Crow", ["/", `${long}/egg`, `${other}/fly`, other.slice(0, -1)])).toEqual([
    `${long}/egg`,
    `${other}/fly`,
  ]);
});

const BIRDS = [
  "/wren",
  "/jay",
  "/jay.html",
  "/jay/blue.html",
  "/jaywalker",
  "/jaywalker/lost.html",
  "/jay.html?id=1",
  "/jay/",
  "/jay/?blue",
  "/jay/?id=1",
  "/Jay.asp",
  "/Jay/Blue.html",
  "/bluejay",
  "/?id=jay",
];

test.each([
  ["/jay", BIRDS.slice(1, 10)],
  ["/jay*", BIRDS.slice(1, 10)],
  ["/jay/", ["/jay/blue.html", "/jay/", "/jay/?blue", "/jay/?id=1"]],
])("paths match by their beginning, a star at the end adds nothing, a slash does: %s", (path, may) => {
  expect(allowed(`user-agent: Crow\ndisallow: /\nallow: ${path}\n`, "Crow", BIRDS)).toEqual(may);
});

const SCRIPTS = [
  "/nest.php",
  "/tree/nest.php",
  "/tree/nest.php?egg",
  "//tree/any.php.file.html",
  "/nest.php/",
  "/index?f=nest.php/",
  "/nest.php5",
  "/jay.php",
  "/jays/catjay.php?egg",
  "/php/",
  "/index?php",
  "/aaaphpaaa",
  "/nest.PHP",
  "/Jay.PHP",
  "/wren",
];

test.each([
  ["/*.php", SCRIPTS.slice(0, 9)],
  ["/*.php$", ["/nest.php", "/tree/nest.php", "/jay.php"]],
  ["/jay*.php", ["/jay.php", "/jays/catjay.php?egg"]],
])("stars and dollars among names of files: %s", (path, may) => {
  expect(allowed(`user-agent: Crow\ndisallow: /\nallow: ${path}\n`, "Crow", SCRIPTS)).toEqual(may);
});

test.each([
  ["allow: /n\ndisallow: /", "/nest", true],
  ["allow: /tree\ndisallow: /tree", "/tree/nest", true],
  ["allow: /nest\ndisallow: /*.htm", "/nest.htm", false],
  ["allow: /$\ndisallow: /", "/", true],
  ["allow: /$\ndisallow: /", "/nest.html", false],
])("which of two rules goes first: %j at %s", (rules, path, may) => {
  expect(parseRobots(`user-agent: Crow\n${rules}\n`).isAllowed("Crow", SITE + path)).toBe(may);
});

test.each([
  ["LF", "User-Agent: a\nAllow: /b/c\nUser-Agent: d\n\n\nDisallow: /\n"],
  ["CR LF", "User-Agent: a\r\nAllow: /b/c\r\nUser-Agent: d\r\n\r\n\r\nDisallow: /\r\n"],
  ["CR", "User-Agent: a\rAllow: /b/c\rUser-Agent: d\r\r\rDisallow: /\r"],
  ["LF, and none at the end", "User-Agent: a\nAllow: /b/c\nUser-Agent: d\n\n\nDisallow: /"],
  ["a mixture", "User-Agent: a\nAllow: /b/c\r\nUser-Agent: d\n\r\n\nDisallow: /"],
])("lines end with %s, and are counted", (_, file) => {
  expect(lines(file).map(({ number, field }) => [number, field])).toEqual([
    [1, "user-agent"],
    [2, "allow"],
    [3, "user-agent"],
    [6, "disallow"],
  ]);
});

test.each(["\xEF\xBB\xBF", "\xEF\xBB", "\xEF"])(
  "a byte order mark is skipped, and the beginning of one: %j",
  (mark) => {
    expect(lines(`${mark}User-Agent: a\nAllow: /b\n`).map(({ field }) => field)).toEqual(["user-agent", "allow"]);
  },
);

test("a byte order mark that is damaged, or not at the beginning, spoils its line only", () => {
  expect(lines("\xEF\x11\xBFUser-Agent: a\nAllow: /b\n").map(({ field }) => field)).toEqual(["other", "allow"]);
  expect(lines("User-Agent: a\n\xEF\xBB\xBFAllow: /b\n").map(({ field }) => field)).toEqual(["user-agent", "other"]);
});

test.each(["first", "last"])("a sitemap may be named anywhere: %s", (where) => {
  const [map, rest] = ["Sitemap: http://news.example/\u00E9.xml\n", "User-Agent: a\nAllow: /b\nUser-Agent: d\n\n\n"];
  const robots = parseRobots(where === "first" ? map + rest : rest + map);
  expect(robots.sitemaps).toEqual(["http://news.example/\u00E9.xml"]);
});

test.each([
  ["", "/"],
  ["http://www.example.com", "/"],
  ["http://www.example.com/", "/"],
  ["http://www.example.com/c", "/c"],
  ["http://www.example.com/c/", "/c/"],
  ["http://www.example.com/c/d?e=http://f.g/", "/c/d?e=http://f.g/"],
  ["http://www.example.com/c/d?e=f&g=h#i", "/c/d?e=f&g=h"],
  ["http://www.example.com#c/d", "/"],
  ["example.com", "/"],
  ["example.com/", "/"],
  ["example.com/c", "/c"],
  ["example.com/c/", "/c/"],
  ["example.com/c/d?e=f&g=h#i", "/c/d?e=f&g=h"],
  ["c", "/"],
  ["c/", "/"],
  ["/c", "/c"],
  ["c/d", "/d"],
  ["example.com?c", "/?c"],
  ["example.com/c;d#e", "/c;d"],
  ["//c/d/e", "/d/e"],
])("the path of %j is %s", (url, path) => {
  expect(pathOf(url)).toBe(path);
});
