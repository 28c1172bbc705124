// What fetches come to, for the tests of the memory: everything has a value unless a test says otherwise.

import { parseSource, type Source } from "../src/source.ts";
import type { FetchRecord, FetchResult, NewArticle } from "../src/store/records.ts";
import { eachWord, fold } from "../src/words.ts";

export const DAY = 86_400_000;
export const NOON: number = Date.UTC(2026, 5, 15, 12);

/** The words of texts, as they are counted for the memory. */
export function wordsOf(...texts: (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  const word = (word: string): unknown => counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const text of texts) eachWord(fold(text ?? ""), { word });
  return counts;
}

export function article(fields: Partial<NewArticle>): NewArticle {
  const { title, text = "" } = fields;
  return {
    url: undefined,
    id: undefined,
    title,
    text,
    language: "en",
    published: undefined,
    words: wordsOf(title, text),
    ...fields,
  };
}

type Done = Extract<FetchResult, { state: "done" }>;

/** A document that came. */
export function read(articles: readonly NewArticle[], fields: Partial<Done> = {}): Done {
  return {
    state: "done",
    status: 200,
    etag: undefined,
    lastModified: undefined,
    kind: "rss",
    title: "A feed",
    language: "en",
    charset: "utf-8",
    notes: [],
    hints: {},
    articles,
    ...fields,
  };
}

/** A fetch of a source, an hour before the next. */
export function fetched(url: string | Source, result: FetchResult, fields: Partial<FetchRecord> = {}): FetchRecord {
  const at = fields.at ?? NOON;
  return {
    source: typeof url === "string" ? parseSource(url) : url,
    at,
    due: at + 3_600_000,
    bytes: 1000,
    tries: 1,
    timing: { begun: 0, asked: 1, answered: 20, downloaded: 30, ended: 31 },
    result,
    ...fields,
  };
}
