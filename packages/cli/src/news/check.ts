// `rondo news check`: fetches sources, keeps nothing, and says what each is and what is odd about it.

import {
  type Failure,
  failureOf,
  type Fetched,
  fetchSource,
  findSource,
  type Problem,
  type Source,
  SourceError,
} from "@rondo/crawl";
import { type Coroutine, type Host, map, type Operation, Semaphore } from "rondo";
import { canRewrite, type Io } from "../io.ts";
import { lookAt, type Look, show } from "../look.ts";
import { duration, whole } from "../options.ts";
import { cell, count, counted, size, span } from "../text.ts";
import { dayOf } from "./days.ts";
import { drawFailures, plainProblem } from "./failures.ts";
import { running } from "./running.ts";
import { clock, type Subcommand, subcommand } from "./subcommand.ts";
import { subscribedOr } from "./subscribed.ts";

/** What a source turned out to be. */
export interface Checked {
  readonly url: string;
  readonly name?: string;
  readonly state: "ok" | "failed";
  readonly kind?: string;
  readonly title?: string;
  readonly language?: string;
  readonly charset?: string;
  readonly articles?: number;
  /** Day of the latest article. */
  readonly newest?: string;
  readonly bytes?: number;
  /** How long it wants to be left alone, in ms. */
  readonly every?: number;
  /** What is odd about it, each a sentence without a final stop. */
  readonly odd?: readonly string[];
  readonly failure?: Failure;
}

export const checkCommand: Subcommand = subcommand({
  name: "rondo news check",
  takes: ["feeds", "concurrency", "timeout", "allow-private", "db", "json", "help"],
  summary: "fetch sources, keep nothing, and say what is odd",
  help: `rondo news check: fetches sources, keeps nothing, and says what each is and what is odd about it

Usage
  rondo news check [URL...] [options]

  URL...             feeds or pages; without any: the subscriptions, or the built-in list
  --feeds FILE       a list of sources, OPML or one URL a line; may be given again
  --concurrency N    sources at once (default: 16), at most two at one host
  --timeout TIME     for each source, all tries included, as 15s, 300ms or 2m (default: 15s)
  --allow-private    also addresses of this machine and of private networks
  --db FILE          the memory whose subscriptions to check
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all can be read, 1 some cannot, 2 wrong usage, 130 interrupted
`,
  async run({ values, positionals }, io, host) {
    const timeout = values.timeout === undefined ? 15_000 : duration("--timeout", values.timeout);
    const concurrency = whole("--concurrency", values.concurrency, 1, 10_000) ?? 16;
    const json = values.json ?? false;
    const named = { urls: positionals, feeds: values.feeds ?? [] };
    const { sources, problems } = subscribedOr(named, { db: values.db, quiet: json }, io);
    const how = { timeout, concurrency, allowPrivate: values["allow-private"] ?? false, at: clock(host) };
    const checked = await checkAll(sources, { ...how, quiet: json }, io, host);
    if (checked === undefined) return 130;
    if (json) {
      io.stdout.write(
        `${JSON.stringify({ version: 1, checked, problems: problems.map(plainProblem) }, undefined, 2)}\n`,
      );
    } else {
      const look = lookAt(io.stdout, io.env);
      show(io, look, drawChecked(checked, problems, look));
    }
    return problems.length > 0 || checked.some(({ state }) => state === "failed") ? 1 : 0;
  },
});

interface Checking {
  readonly timeout: number;
  readonly concurrency: number;
  readonly allowPrivate: boolean;
  /** Now, in ms since 1970. */
  readonly at: number;
}

/** `undefined` when Ctrl-C came. */
async function checkAll(
  sources: readonly Source[],
  how: Checking & { readonly quiet: boolean },
  io: Io,
  host: Host | undefined,
): Promise<Checked[] | undefined> {
  const hosts = new Map<string, Semaphore>();
  const rewrites = !how.quiet && canRewrite(io.stderr, io.env);
  let done = 0;
  const one = function* (source: Source): Coroutine<Checked> {
    let permits = hosts.get(source.host);
    if (permits === undefined) hosts.set(source.host, (permits = new Semaphore(2)));
    const checked = yield* permits.with(() => check(source, how));
    done++;
    if (rewrites) io.stderr.write(`\r\u001B[2K ${count(done)} of ${counted(sources.length, "source")}`);
    return checked;
  };
  try {
    const all = (): Operation<Checked[]> => map(sources, one, { concurrency: how.concurrency });
    return (await running(all, { name: "rondo news check", io, host }))?.value;
  } finally {
    if (rewrites) io.stderr.write("\r\u001B[2K");
  }
}

function* check(source: Source, how: Checking): Coroutine<Checked> {
  const { timeout, allowPrivate, at } = how;
  const named = source.name === undefined ? { url: source.url } : { url: source.url, name: source.name };
  try {
    const fetched = yield* fetchSource(source, { timeout, allowPrivate });
    const { document } = fetched;
    // It was asked without conditions, so an answer that nothing has changed is none.
    if (document === undefined)
      throw new SourceError("status", `${source.host} answers HTTP ${fetched.status} unasked`);
    const { kind, title, language, charset, articles, hints } = document;
    const newest = Math.max(...articles.map(({ published }) => published ?? -Infinity));
    return {
      ...named,
      state: "ok",
      kind,
      ...(title === undefined ? {} : { title }),
      ...(language === undefined ? {} : { language }),
      charset,
      articles: articles.length,
      ...(newest === -Infinity ? {} : { newest: dayOf(newest) }),
      bytes: fetched.bytes,
      ...(hints.every === undefined ? {} : { every: hints.every }),
      odd: [...oddities(fetched, newest, at), ...(kind === "page" ? [yield* feedOf(source, how)] : [])],
    };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { ...named, state: "failed", failure: failureOf(error) };
  }
}

/** A page can be a source, but a feed of it is a better one. */
function* feedOf(source: Source, { timeout, allowPrivate }: Checking): Coroutine<string> {
  const { feeds } = yield* findSource(source.url, { timeout, allowPrivate });
  return feeds[0] === undefined ? "a page, and no feed of it was found" : `a page; its feed is ${feeds[0].url}`;
}

const DAY = 86_400_000;
/** A feed that says nothing for so long may have been given up. */
const SILENT = 90 * DAY;

function oddities(
  { document, movedTo, redirects, cut, validators, bytes }: Fetched,
  newest: number,
  at: number,
): string[] {
  if (document === undefined) return [];
  const { kind, articles, language, notes } = document;
  const odd = [...notes];
  const last = redirects.at(-1);
  if (movedTo !== undefined) odd.unshift(`it has moved for good to ${movedTo}`);
  else if (last !== undefined) odd.unshift(`it is redirected to ${last}`);
  if (cut) odd.push(`it is longer than the ${size(bytes)} that are read of it`);
  if (language === undefined) odd.push("it does not say its language, so it is guessed from the words");
  if (validators === undefined) odd.push("it has neither ETag nor Last-Modified, so all of it is sent each time");
  if (kind === "page" || articles.length === 0) return odd;
  const undated = articles.filter(({ published }) => published === undefined).length;
  const unlinked = articles.filter(({ link }) => link === undefined).length;
  if (undated > 0) odd.push(`${of(undated, articles.length)} without a date that can be read`);
  if (unlinked > 0) odd.push(`${of(unlinked, articles.length)} without an address`);
  if (newest > at + DAY) odd.push(`an article is dated ${dayOf(newest)}, which lies ahead`);
  else if (newest < at - SILENT && newest !== -Infinity) odd.push(`nothing new since ${dayOf(newest)}`);
  return odd;
}

function of(some: number, all: number): string {
  return some === all ? `all ${counted(all, "article")}` : `${count(some)} of ${counted(all, "article")}`;
}

function drawChecked(checked: readonly Checked[], problems: readonly Problem[], look: Look): string[] {
  const lines: string[] = [];
  for (const each of checked) {
    if (each.state === "failed") continue;
    const odd = each.odd ?? [];
    const sign = odd.length === 0 ? look.paint.green("✓") : look.paint.yellow("!");
    lines.push(` ${sign} ${cell(each.name ?? each.title ?? each.url, look.columns - 4)}`);
    lines.push(look.paint.dim(`     ${each.url}`));
    lines.push(`     ${facts(each)}`);
    for (const sentence of odd) lines.push(`     ${look.paint.yellow("!")} ${cell(sentence)}`);
  }
  const failed = [
    ...problems.map(plainProblem).map(({ input, failure }) => ({ what: input, failure })),
    ...checked.flatMap(({ url, name, failure }) =>
      failure === undefined ? [] : [{ what: name === undefined ? url : `${name} (${url})`, failure }],
    ),
  ];
  const fine = checked.filter(({ state }) => state === "ok").length;
  return [
    lines.length === 0 ? "" : `${lines.join("\n")}\n`,
    drawFailures(counted(failed.length, "failure"), failed, look),
    ` ${counted(fine, "source")} of ${count(checked.length)} can be read\n`,
  ];
}

/** `rss · 20 articles, the newest of 2026-11-22 · en · utf-8 · 12 kB · asks to be left alone for 60 min`. */
function facts({ kind, articles = 0, newest, language, charset, bytes = 0, every }: Checked): string {
  const parts = [
    kind,
    kind === "page"
      ? undefined
      : `${counted(articles, "article")}${newest === undefined ? "" : `, the newest of ${newest}`}`,
    language === undefined ? undefined : cell(language, 12),
    charset,
    size(bytes),
    every === undefined ? undefined : `asks to be left alone for ${span(every)}`,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
