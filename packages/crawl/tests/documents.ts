// A series of documents, each known by its number: what is to be found in a database can be told from how many were stored.

import type { FetchRecord } from "../src/store/records.ts";
import type { ArticleText, NewsStore } from "../src/store/store.ts";
import { article, fetched, NOON, read, wordsOf } from "./records.ts";

const FEED = "https://a.example/feed";

/** The document of this number. */
export function documentOf(n: number): FetchRecord {
  const ten = Math.floor(n / 10);
  const articles = [
    article({ url: `https://a.example/own/${n}`, title: `Own ${n}`, text: `own word${n % 7} and more of it` }),
    article({
      url: `https://a.example/shared/${ten}`,
      title: `Shared ${ten}`,
      text: `changed ${"again ".repeat(n % 10)}`,
    }),
    article({ url: `https://a.example/later/${n}`, title: `Later ${n}`, text: "soon" }),
  ];
  return fetched(FEED, read(articles, { etag: `"${n}"` }), { at: NOON + n * 60_000 });
}

/** The text of the third article of this document. */
export function textOf(n: number): ArticleText & { readonly url: string } {
  const title = `Later ${n}`;
  const text = `the whole text of it ${"and on ".repeat(400)}`;
  return { url: `https://a.example/later/${n}`, title, text, words: wordsOf(title, text) };
}

/** What differs between a memory and one that holds the first `count` documents, or one more: nothing, if all is well. */
export function differences(store: NewsStore, count: number): string[] {
  const found: string[] = [];
  const articles = [...store.articles()];
  const byTitle = new Map(articles.map((each) => [each.title, each]));
  if (byTitle.size !== articles.length) found.push("an article is there twice");
  // Killed after it had stored a document and before it had said so.
  const held = byTitle.has(`Own ${count}`) ? count + 1 : count;
  for (let n = 0; n < held; n++) {
    const [own, shared, later] = documentOf(n).result.state === "done" ? [0, 1, 2].map((at) => articleOf(n, at)) : [];
    if (byTitle.get(own?.title)?.text !== own?.text) found.push(`${own?.title} is missing`);
    if (n % 10 === 9 || n === held - 1) {
      if (byTitle.get(shared?.title)?.text !== shared?.text) found.push(`${shared?.title} is not as it was last`);
    }
    if (n < count && byTitle.get(later?.title)?.text !== textOf(n).text)
      found.push(`${later?.title} has lost its text`);
  }
  const words = new Map<string, number>();
  for (const { title, text } of articles) {
    for (const [word, times] of wordsOf(title, text)) words.set(word, (words.get(word) ?? 0) + times);
  }
  const terms = [...words.keys()];
  for (const { term, count } of store.mentions(terms)) {
    if (count !== words.get(term)) found.push(`${term} is counted ${count} times and said ${words.get(term)} times`);
  }
  const [health] = store.health();
  if ((health?.fetches ?? 0) !== held) found.push(`${health?.fetches} fetches are counted, and ${held} were stored`);
  if (store.state(FEED)?.etag !== (held === 0 ? undefined : `"${held - 1}"`))
    found.push("the validator is not the last one");
  return found;
}

function articleOf(n: number, at: number): { title: string | undefined; text: string } | undefined {
  const { result } = documentOf(n);
  return result.state === "done" ? result.articles[at] : undefined;
}
