// What runs in a worker thread: one page in, one article out. A failure is a result here, because an error of a class that
// the other thread does not know would arrive as another one.

import { type Failure, failureOf } from "../failure.ts";
import { type ExtractedArticle, type FetchedPage, readArticle } from "./read-article.ts";

/** What became of a page. */
export type Extraction =
  | { readonly ok: true; readonly article: ExtractedArticle }
  | { readonly ok: false; readonly failure: Failure };

/** @internal Called by {@link extractor}. */
export function extract(page: FetchedPage): Extraction {
  try {
    return { ok: true, article: readArticle(page) };
  } catch (error) {
    return { ok: false, failure: failureOf(error) };
  }
}
