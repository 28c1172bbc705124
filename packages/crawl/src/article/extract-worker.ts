// What runs in a worker thread: one page in, one article out. A failure is a result here, because an error of a class that
// the other thread does not know would arrive as another one.

import { constants, setPriority } from "node:os";
import { isMainThread } from "node:worker_threads";
import { type Failure, failureOf } from "../failure.ts";
import { type ExtractedArticle, type FetchedPage, readArticle } from "./read-article.ts";

// Where threads have a priority of their own, the loop goes first: it works for less than a millisecond at a time, and
// what it would otherwise wait for is a slice of the processor. Elsewhere this would be the whole program's.
if (process.platform === "linux" && !isMainThread) setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

/** What became of a page. */
export type Extraction =
  | { readonly ok: true; readonly article: ExtractedArticle }
  | { readonly ok: false; readonly failure: Failure };

/** @public It is called by its name, from another thread: see extract.ts. */
export function extract(page: FetchedPage): Extraction {
  try {
    return { ok: true, article: readArticle(page) };
  } catch (error) {
    return { ok: false, failure: failureOf(error) };
  }
}
