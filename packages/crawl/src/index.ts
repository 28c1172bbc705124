// The public face of @rondo/crawl.
//
// What waits for nothing (lists, decoding, telling forms apart, counting) stands by itself and can be used without the
// rest; the work that waits is built from it.

export { whyPrivate } from "./address.ts";
export { type Extract, extractor, type ExtractorOptions } from "./article/extract.ts";
export {
  type ArticleLink,
  type FollowCounts,
  type Followed,
  type FollowedArticle,
  followArticles,
  type FollowOptions,
} from "./article/follow.ts";
export { type ArticleStore, followPending, type FollowPendingOptions } from "./article/follow-pending.ts";
export { Manners, type MannersOptions, type PoliteOptions } from "./article/manners.ts";
export type { ExtractedArticle, FetchedPage } from "./article/read-article.ts";
export type { Validators } from "./conditional.ts";
export { type Decoded, decode, type DecodeHints } from "./decode.ts";
export { type Document, type DocumentHints, readDocument } from "./document.ts";
export { type Answer, type AskOptions, type Fetch, fromWebFetch } from "./exchange.ts";
export { type Failure, type FailureKind, failureOf, SourceError, type SourceErrorOptions } from "./failure.ts";
export { type Article, type Feed, type FeedHints, readFeed } from "./feed.ts";
export { fetchSource, type FetchSourceOptions } from "./fetch-source.ts";
export { findFeeds, type FindOptions, findSource, type FoundFeed, type FoundSource } from "./find-feed.ts";
export { builtInSources, parseList } from "./list.ts";
export { absoluteLinks, type Page, readPage } from "./markup.ts";
export { News, type NewsOptions } from "./news.ts";
export { type OpmlOptions, writeOpml } from "./opml.ts";
export type { Attempted, Done, Failed, NotDue, Outcome, Unchanged } from "./outcome.ts";
export type { Progress } from "./progress.ts";
export type { Report, SourceReport, TermCount } from "./report.ts";
export { backOff, retryAfter } from "./retry.ts";
export { getWith, type Got } from "./robots/get.ts";
export { type RobotsGet, RobotsKeeper, type RobotsKeeperOptions, type RobotsVerdict } from "./robots/keeper.ts";
export { parseRobots, productToken, type Robots, type RobotsRule } from "./robots/robots.ts";
export { type Answered, dueAfterAnswer, dueAfterFailure, type FailedAgain, isDue, type Pace } from "./schedule/due.ts";
export { type FieldReader, freshFor } from "./schedule/freshness.ts";
export type { Remembered } from "./schedule/remembered.ts";
export type { AskingOptions } from "./settings.ts";
export { type DocumentKind, sniff, type Sniffed } from "./sniff.ts";
export { parseSource, type Problem, type Source, type SourceList } from "./source.ts";
export { stopWords } from "./stop-words.ts";
export { canonicalUrl } from "./store/canonical.ts";
export { StoreError, type StoreErrorKind } from "./store/error.ts";
export type {
  ArticlesQuery,
  Mentioned,
  PendingArticle,
  RisingQuery,
  TopQuery,
  TrendsQuery,
} from "./store/questions.ts";
export type {
  FetchRecord,
  FetchResult,
  Headline,
  LatestDocument,
  NewArticle,
  Range,
  RisingWord,
  RunRecord,
  SourceHealth,
  SourceState,
  StoredArticle,
  StoredWord,
  Timing,
  Trends,
} from "./store/records.ts";
export { type ArticleText, NewsStore, type NewsStoreOptions } from "./store/store.ts";
export type { RecordStore } from "./store/writer.ts";
export { type ArticleSink, countWords, type Tally, tally } from "./tally.ts";
export { TermCounter } from "./terms.ts";
export { TopWords, type WordCount } from "./top-words.ts";
export type { Fetched, Stage, Visit } from "./visit.ts";
export { watch, Watch, type WatchEvent, type WatchOptions, type WatchStore } from "./watch.ts";
export { eachWord, fold, type WordSink } from "./words.ts";
