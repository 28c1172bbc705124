// Every example that RFC 9309 gives, and every "must" of its that a file can show.

import { expect, test } from "vitest";
import { parseRobots } from "./robots.ts";

const at = (path: string): string => `https://www.example.com${path}`;

/** The file of section 5.1. */
const SIMPLE = `
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
`;

test.each([
  ["anybody", "/publications/list.html", true],
  ["anybody", "/other", true],
  ["anybody", "/example/page.html", false],
  ["anybody", "/pictures/a.gif", false],
  ["anybody", "/pictures/a.gif?size=2", true],
  ["foobot", "/example/page.html", true],
  ["foobot", "/example/allowed.gif", true],
  ["foobot", "/example/", false],
  ["foobot", "/publications/", false],
  ["barbot", "/example/page.html", false],
  ["bazbot", "/example/page.html", false],
  ["barbot", "/example/other.html", true],
  ["bazbot", "/pictures/a.gif", true],
  ["quxbot", "/example/page.html", true],
])("5.1: %s at %s of the simple example: %s", (agent, path, allowed) => {
  expect(parseRobots(SIMPLE).isAllowed(agent, at(path))).toBe(allowed);
});

test("5.2: of two rules that match the longer one decides", () => {
  const robots = parseRobots("User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n");
  expect(robots.isAllowed("foobot", at("/example/page/disallowed.gif"))).toBe(false);
  expect(robots.isAllowed("foobot", at("/example/page/"))).toBe(true);
});

test("2.2.1: groups for the same robot are one group, in whatever case its name is written", () => {
  const robots = parseRobots(
    "user-agent: ExampleBot\ndisallow: /foo\ndisallow: /bar\n\nUser-Agent: examplebot\ndisallow: /baz\n",
  );
  for (const path of ["/foo", "/bar", "/baz"]) expect(robots.isAllowed("EXAMPLEBOT", at(path))).toBe(false);
  expect(robots.isAllowed("examplebot", at("/qux"))).toBe(true);
});

test("2.2.1: a robot that is named obeys its own group and not the one for everybody", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /\nuser-agent: bot\ndisallow: /a\n");
  expect(robots.isAllowed("bot", at("/b"))).toBe(true);
  expect(robots.isAllowed("other", at("/b"))).toBe(false);
});

test("2.2.1: without a group for it or for everybody, a robot may ask for everything", () => {
  expect(parseRobots("user-agent: other\ndisallow: /\n").isAllowed("bot", at("/a"))).toBe(true);
});

test("2.2.2: paths match from their beginning, and their case counts", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /Foo\n");
  expect(robots.isAllowed("bot", at("/Foo/bar"))).toBe(false);
  expect(robots.isAllowed("bot", at("/a/Foo"))).toBe(true);
  expect(robots.isAllowed("bot", at("/foo"))).toBe(true);
});

test("2.2.2: where an allow and a disallow are equal, the allow holds", () => {
  expect(parseRobots("user-agent: *\ndisallow: /a\nallow: /a\n").isAllowed("bot", at("/a"))).toBe(true);
});

test("2.2.2: /robots.txt is always allowed", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /\n");
  expect(robots.isAllowed("bot", at("/robots.txt"))).toBe(true);
  expect(robots.isAllowed("bot", at("/robots.txt.bak"))).toBe(false);
});

test.each([
  ["/foo/bar?baz=quz", "/foo/bar?baz=quz"],
  ["/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar"],
  ["/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar"],
  ["/foo/bar/\u30C4", "/foo/bar/%E3%83%84"],
  ["/foo/bar/\u30C4", "/foo/bar/\u30C4"],
  ["/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"],
  ["/foo/bar/%e3%83%84", "/foo/bar/\u30C4"],
  ["/foo/bar/%62%61%7A", "/foo/bar/baz"],
  ["/foo/bar/baz", "/foo/bar/%62%61%7a"],
])("2.2.2: the rule %s is for %s, as encoded or not they are one path", (rule, path) => {
  const robots = parseRobots(`user-agent: *\ndisallow: ${rule}\n`);
  expect(robots.isAllowed("bot", at(path))).toBe(false);
});

test.each([
  ["/a%2Fb", "/a/b"],
  ["/a/b", "/a%2Fb"],
  ["/a%3Fb", "/a?b"],
  ["/a?x=1%262", "/a?x=1&2"],
])(
  "2.2.2: the rule %s is not for %s, as a reserved character means something else when it is encoded",
  (rule, path) => {
    expect(parseRobots(`user-agent: *\ndisallow: ${rule}\n`).isAllowed("bot", at(path))).toBe(true);
  },
);

test("2.2.3: # begins a comment, alone on its line or behind a rule", () => {
  const robots = parseRobots(
    "# allow: /\nuser-agent: * # everybody\ndisallow: / # all of it\nallow: /this/path/exactly$\n",
  );
  expect(robots.isAllowed("bot", at("/a"))).toBe(false);
  expect(robots.isAllowed("bot", at("/this/path/exactly"))).toBe(true);
  expect(robots.isAllowed("bot", at("/this/path/exactly/not"))).toBe(false);
});

test("2.2.3: * stands for any number of characters, none among them", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /\nallow: /this/*/exactly\n");
  expect(robots.isAllowed("bot", at("/this/path/exactly"))).toBe(true);
  expect(robots.isAllowed("bot", at("/this//exactly"))).toBe(true);
  expect(robots.isAllowed("bot", at("/this/exactly"))).toBe(false);
});

test("2.2.3: an encoded star or dollar is the character itself", () => {
  const robots = parseRobots("user-agent: *\ndisallow: /path/file-with-a-%2A.html\ndisallow: /path/foo-%24\n");
  expect(robots.isAllowed("bot", at("/path/file-with-a-*.html"))).toBe(false);
  expect(robots.isAllowed("bot", at("/path/file-with-a-b.html"))).toBe(true);
  expect(robots.isAllowed("bot", at("/path/foo-$"))).toBe(false);
  expect(robots.isAllowed("bot", at("/path/foo-$bar"))).toBe(false);
  expect(robots.isAllowed("bot", at("/path/foo-"))).toBe(true);
});

test("2.2.4: lines that the RFC does not define end no group, and sitemaps are given as they are", () => {
  const robots = parseRobots(
    "user-agent: a\nSitemap: https://www.example.com/sitemap.xml\nuser-agent: b\ndisallow: /\n",
  );
  expect([robots.isAllowed("a", at("/")), robots.isAllowed("b", at("/"))]).toEqual([false, false]);
  expect(robots.sitemaps).toEqual(["https://www.example.com/sitemap.xml"]);
});

test("2.5: 500 KiB are read, and a line that the limit cuts in two is not", () => {
  const filler = `# ${"x".repeat(1021)}\n`;
  const within = `user-agent: *\n${filler.repeat(499)}`;
  expect(parseRobots(`${within}disallow: /a\n`).isAllowed("bot", at("/a"))).toBe(false);
  const full = within + "#".repeat(500 * 1024 - within.length - "\ndisallow: /a".length);
  const robots = parseRobots(`${full}\ndisallow: /a/private\ndisallow: /b\n`);
  expect(robots.cut).toBe(true);
  expect(robots.isAllowed("bot", at("/a"))).toBe(true);
  expect(robots.isAllowed("bot", at("/b"))).toBe(true);
});
