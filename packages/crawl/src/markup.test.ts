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

test("a thousand nested elements are no trouble, and a page of nothing else is refused", () => {
  expect(words(`${"<div>".repeat(1000)}deep`)).toBe("deep");
  expect(() => readPage("<b>".repeat(1_000_000))).toThrow(/nested more than 4096 deep/);
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
