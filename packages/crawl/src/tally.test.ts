import { expect, test } from "vitest";
import { readDocument } from "./document.ts";
import { tally } from "./tally.ts";
import { TermCounter } from "./terms.ts";
import { TopWords } from "./top-words.ts";

const page = (html: string): ReturnType<typeof readDocument> =>
  readDocument(new TextEncoder().encode(html), { url: "https://example.org/" });

test("titles and texts are counted, each once", () => {
  const feed = page(
    "<rss version='2.0'><channel><title>Not counted</title><item><title>Storm warning</title><description>A storm comes</description></item><item><title>Sun</title></item></channel></rss>",
  );
  expect(tally(feed, new TermCounter(["storm", "storm warning"]))).toEqual({ articles: 2, words: 6, mentions: [2, 1] });
});

test("a title and the text after it never make a term together", () => {
  expect(tally(page("<title>climate</title>change"), new TermCounter(["climate change"])).mentions).toEqual([0]);
});

test("the commonest words leave out stop words of the page's language, numbers and single letters", () => {
  const top = new TopWords();
  tally(page("<html lang=en><p>The vote of the year: a vote, the 2026 vote, x y z"), new TermCounter([]), top);
  expect(top.top(10)).toEqual([
    { word: "vote", count: 3 },
    { word: "year", count: 1 },
  ]);
  const german = new TopWords();
  tally(page("<html lang=de><p>Die Wahl und die Folgen der Wahl"), new TermCounter([]), german);
  expect(german.top(10).map(({ word }) => word)).toEqual(["wahl", "folgen"]);
});

test("a single Chinese character may be a telling word", () => {
  const top = new TopWords();
  tally(page("<html lang=zh><p>雨，雨，雨"), new TermCounter([]), top);
  expect(top.top(1)).toEqual([{ word: "雨", count: 3 }]);
});

test("each article's words can be had beside the document's, and those of one are not in another's", () => {
  const feed = page(
    "<rss version='2.0'><channel><title>T</title><language>en</language><item><title>Storm</title><description>a storm</description></item><item><title>Sun</title></item></channel></rss>",
  );
  const top = new TopWords();
  const seen: [string | undefined, [string, number][]][] = [];
  const counted = tally(feed, new TermCounter(["storm"]), top, (article, words) =>
    seen.push([article.title, [...words]]),
  );
  expect(seen).toEqual([
    [
      "Storm",
      [
        ["storm", 2],
        ["a", 1],
      ],
    ],
    ["Sun", [["sun", 1]]],
  ]);
  expect(counted).toEqual({ articles: 2, words: 4, mentions: [2] });
  expect(top.top(2)).toEqual([
    { word: "storm", count: 2 },
    { word: "sun", count: 1 },
  ]);
});
