// Articles found in worker threads, so that the loop has its hands free for the network: a page takes a tenth of a second,
// and the loop is held up only by the sending of its bytes, which change hands, and the coming of its text.
//
// A page that takes too long is ended together with its thread, in the middle of whatever it does; the pool then begins
// another one. The time begins when a thread takes the page, so a page that waits for its turn is not punished for it.

import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { type Coroutine, moveOnAfter, type Operation, Semaphore, use } from "rondo";
import { offload, OffloadError, ThreadPool } from "rondo/os";
import { SourceError } from "../failure.ts";
import { atLeast } from "../settings.ts";
import { duration } from "../visit.ts";
import type { Extraction } from "./extract-worker.ts";
import type { ExtractedArticle, FetchedPage } from "./read-article.ts";

/** How articles are to be found. */
export interface ExtractorOptions {
  /** How many pages at once. Default: one less than the machine runs threads in parallel, at least one. */
  readonly threads?: number;
  /** For one page, in ms; then its thread is ended. Default: 10,000. */
  readonly timeLimit?: number;
  /** What a thread may use of memory, in MB; above it the thread ends. Default: 512. */
  readonly memoryLimit?: number;
}

/** Finds the article in a page. What it throws is a `SourceError`. */
export type Extract = (page: FetchedPage) => Operation<ExtractedArticle>;

/** Beside this file, and with the same ending: TypeScript in the repository, JavaScript in the package. */
const WORKER = new URL(`./extract-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Opens threads that find the article in a page, for as long as the scope lasts.
 *
 * The function it gives throws a `SourceError`: of kind `timeout` or `internal` where the page took too long or too much
 * memory, `empty` where there is no text in it, `not-text`, `unknown-document` or `charset` where it is no page.
 *
 * @throws {RangeError} for a number that makes no sense.
 *
 * @example
 * ```ts
 * import { group, run } from "rondo";
 * import { extractor } from "@rondo/crawl";
 *
 * const bytes = new TextEncoder().encode("<html lang=en><title>Storm</title><article><p>A storm is coming.</article>");
 * await run(() =>
 *   group(function* () {
 *     const extract = extractor({ threads: 1 });
 *     const page = { url: "https://a.example/storm", bytes, contentType: undefined, contentLanguage: undefined, cut: false };
 *     const { title, text, words } = yield* extract(page);
 *     console.log(title, "-", text, words.get("storm")); // prints: Storm - A storm is coming. 2
 *   }),
 * );
 * ```
 */
export function extractor(options: ExtractorOptions = {}): Extract {
  const max = options.threads ?? Math.max(1, availableParallelism() - 1);
  const memory = options.memoryLimit ?? 512;
  const timeLimit = options.timeLimit ?? 10_000;
  atLeast(0, "timeLimit", timeLimit);
  const pool = new ThreadPool({
    max,
    name: "articles",
    idle: Infinity,
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  use(pool);
  const threads = new Semaphore(max, { name: "threads for articles" });
  return (page) => threads.with(() => extractIn(pool, page, timeLimit, memory));
}

function* extractIn(
  pool: ThreadPool,
  page: FetchedPage,
  timeLimit: number,
  memory: number,
): Coroutine<ExtractedArticle> {
  const bytes = ownBytes(page.bytes);
  const call = { module: WORKER, name: "extract", args: [{ ...page, bytes }], transfer: [bytes.buffer], pool };
  let found: { timedOut: false; value: Extraction } | { timedOut: true };
  try {
    found = yield* moveOnAfter(timeLimit, offload<Extraction>(call), { name: page.url });
  } catch (error) {
    if (!(error instanceof OffloadError)) throw error;
    const says = `the text of this page could not be found with ${memory} MB of memory, or broke what looks for it`;
    throw new SourceError("internal", says, { cause: error });
  }
  if (found.timedOut)
    throw new SourceError("timeout", `the text of this page was not found within ${duration(timeLimit)}`);
  const { value } = found;
  if (value.ok) return value.article;
  const { kind, message, cause } = value.failure;
  throw new SourceError(kind, message, { cause });
}

/** Memory that may be given away: a piece of somebody's larger buffer is copied. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return whole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
