import { expect, test } from "vitest";
import { absoluteLinks, readPage, textOf } from "./markup.ts";

const words = (html: string): string => readPage(html).text.replace(/\s+/g, " ").trim();

test("the title is what the page's own title element says, without line breaks", () => {
  expect(readPage("<title>\n A\n  &amp; B </title><svg><title>icon</title></svg>").title).toBe("A & B");
  expect(readPage("<svg><title>icon</title></svg><title>Page</title><title>Second</title>").title).toBe("Page");
  expect(readPage("<title> </title>").title).toBeUndefined();
  expect(readPage("<p>no title").title).toBeUndefined();
});

test("the language is that of the html element", () => {
  expect(readPage("<html lang='de-AT'><p lang=en>x").language).toBe("de-AT");
  expect(readPage("<html><p lang=en>x").language).toBeUndefined();
});

test("scripts, styles and other unseen things are no text", () => {
  expect(words("a<script>b</script><style>c</style><noscript>d</noscript><template>e</template><!-- f -->g")).toBe(
    "a g",
  );
});

test("a block ends a word, an inline element does not, and two neighbouring ones are two words", () => {
  expect(words("<p>one</p><p>two</p>")).toBe("one two");
  expect(words("un<b>break</b>able")).toBe("unbreakable");
  expect(words("line<br>break")).toBe("line break");
  expect(words("<li><a>Home</a><a>News</a>")).toBe("Home News");
  // An anchor stands in no other one: where a second begins, the first has ended.
  expect(words("<li><a href=1>Home<a href=2>News<a href=3>Sport")).toBe("Home News Sport");
  expect(words("<a href=1>Home</a> un<a href=2>break</a>able")).toBe("Home unbreakable");
  expect(words("<a>Home<a>News</a>un<a>break</a>able")).toBe("Home Newsunbreakable");
});

test("entities are decoded", () => {
  expect(words("caf&eacute; &#x4e2d; &lt;b&gt;")).toBe("café 中 <b>");
});

test("an unclosed head does not hide the page", () => {
  expect(words("<html><head><title>T</title><body>seen")).toBe("seen");
});

test("a page that is all wrong is still read", () => {
  expect(words("</div></p><table><tr><p>x<</b>y <a href='")).toContain("x");
  expect(readPage("").text).toBe("");
});

test("a million nested elements are no trouble, seen or not", { tags: ["long"] }, () => {
  expect(words(`${"<div>".repeat(1000)}deep`)).toBe("deep");
  expect(words(`${"<b>".repeat(1_000_000)}deep`)).toBe("deep");
  expect(words(`<object>${"<b>".repeat(300_000)}${"</i>".repeat(300_000)}</object>seen`)).toBe("seen");
});

test("what is not seen ends where it does, or where something around it ends", () => {
  expect(words("<noscript>a<p>b</noscript>seen")).toBe("seen");
  expect(words("<div><noscript>a<p>b</div>seen")).toBe("seen");
  expect(words("<div><noscript><div>a</div>b</noscript>seen</div>")).toBe("seen");
  expect(words("<svg><g><title>a</title></g><path/>b</svg>seen")).toBe("seen");
  expect(words("<svg/>seen <svg><path/><g/></svg>too")).toBe("seen too");
  // An end of nothing is nothing's end, and what is in a template or an object ends nothing outside.
  expect(words("<noscript>a</div>b</span>c</noscript>seen")).toBe("seen");
  expect(words("<div><template>a</div>b</template>seen</div>")).toBe("seen");
  expect(words("<canvas><img src=x><br>a</canvas>seen")).toBe("seen");
  // Of an element whose end may be left out it is not known whether it is still open.
  expect(words("<ul><li>x<noscript>a</li>b</noscript>seen</ul>")).toBe("x seen");
});

test("links and titles in what is not seen are no part of the page", () => {
  const page = readPage("<template><title>no</title><a href=no>no</a></template><title>yes</title><a href=yes>yes</a>");
  expect([page.title, page.links]).toEqual(["yes", ["yes"]]);
});

test("of two equal attributes the first one counts", () => {
  expect(readPage("<html lang=de lang=en><a href=x href=y>1</a>")).toMatchObject({ language: "de", links: ["x"] });
});

test("links become absolute by the base element, without fragments, each once", () => {
  const page = readPage(`<base href="/sub/"><a href="x#1">1</a><a href="x#2">2</a><a href="mailto:a@b.example">m</a>
    <a href="javascript:no()">j</a><a>none</a><a href="http://[">bad</a><a href="//other.example/y">y</a>`);
  expect(absoluteLinks(page, "https://a.example/page")).toEqual(["https://a.example/sub/x", "https://other.example/y"]);
});

test("a field without markup is given back as it is", () => {
  expect(textOf("2 > 1, plain")).toBe("2 > 1, plain");
  expect(textOf("<p>Fish &amp; <i>chips</i></p>").trim()).toBe("Fish & chips");
});

test("white space between words is one space or one line break, however much of it there was", () => {
  expect(readPage("<div>\n\n   <p>  one \t two</p>\n  <p>three</p>   </div>\n\n").text).toBe("one \t two\nthree\n");
  expect(readPage("one <b> two</b> <i>three</i>").text).toBe("one  two three");
  expect(readPage("<title>T</title>one").text).toBe("one");
  expect(words("one<b> </b>two")).toBe("one two");
  expect(readPage("<title>\n a <!-- x --> b\n</title>").title).toBe("a <!-- x --> b");
});
