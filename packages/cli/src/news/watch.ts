// `rondo news watch`: stays up, and fetches each source when it is due.
//
// Ctrl-C, or what a service manager sends, asks it to stop: it begins nothing any more, finishes what is under way, and ends
// well. A second one ends it at once; what was told until then is stored in either case.

import {
  type Failure,
  Manners,
  type NewsStore,
  type Source,
  StoreError,
  Watch,
  type WatchEvent,
  type WatchStore,
} from "@rondo/crawl";
import { Channel, type Coroutine, type Group, group, type Host } from "rondo";
import { signals } from "rondo/os";
import { canRewrite, type Io, wantsColour } from "../io.ts";
import { checkTerms, duration, whole } from "../options.ts";
import { paint } from "../paint.ts";
import { cell, clean, counted } from "../text.ts";
import { followLinks, Links } from "./articles.ts";
import { memoryError, openMemory } from "./database.ts";
import { showLive } from "./live.ts";
import { Marker } from "./live-marks.ts";
import { WatchView } from "./live-watch.ts";
import { running } from "./running.ts";
import { clock, type Subcommand, subcommand } from "./subcommand.ts";
import { namedSources, standingSources } from "./subscribed.ts";

export const watchCommand: Subcommand = subcommand({
  name: "rondo news watch",
  takes: ["feeds", "term", "articles", "concurrency", "per-host", "timeout", "allow-private", "db", "json", "help"],
  summary: "stay up, and fetch each source when it is due",
  help: `rondo news watch: stays up, and fetches each source when it is due

Usage
  rondo news watch [URL...] [options]

  URL...             feeds or pages; without any: the subscriptions, or the built-in list. Subscriptions
                     that are added or removed meanwhile are taken up
  --feeds FILE       a list of sources, OPML or one URL a line; may be given again
  --articles         also follow the links of feeds, as rondo news --articles does
  --term WORD        mark headlines that mention it; may be given again
  --concurrency N    sources at once (default: 64)
  --per-host N       of these, at one host (default: 2)
  --timeout TIME     for each source, all tries included, as 15s, 300ms or 2m (default: 15s)
  --allow-private    also addresses of this machine and of private networks
  --db FILE          the memory to keep (default: the one rondo news writes)
  --json             a line of JSON for each event on standard output, and nothing else
  -h, --help         this text

On a terminal it is drawn how it goes; elsewhere there is a line for each event.
Ctrl-C stops it softly: what is under way is finished. A second one ends it at once.

Exit status
  0 stopped, 2 wrong usage, 3 the memory cannot be used, 130 ended by a second Ctrl-C
`,
  async run({ values, positionals }, io, host) {
    const terms = checkTerms(values.term ?? []);
    const json = values.json ?? false;
    const asking = {
      articles: values.articles ?? false,
      terms,
      concurrency: whole("--concurrency", values.concurrency, 1, 10_000) ?? 64,
      perHost: whole("--per-host", values["per-host"], 1, 10_000) ?? 2,
      timeout: values.timeout === undefined ? 15_000 : duration("--timeout", values.timeout),
      allowPrivate: values["allow-private"] ?? false,
    };
    const list = namedSources({ urls: positionals, feeds: values.feeds ?? [] });
    const store = openMemory({ db: values.db, quiet: json, make: true }, io);
    try {
      for (const { input, error } of list?.problems ?? [])
        io.stderr.write(`rondo: ${cell(input)}: ${cell(error.message)}\n`);
      const work = (): Coroutine<void> => watchAndShow(store, { ...asking, named: list?.sources, json, io, host });
      const ended = await running(work, { name: "rondo news watch", io, host, signals: false });
      return ended === undefined ? 130 : 0;
    } catch (error) {
      if (error instanceof EndedAtOnce) return 130;
      throw error instanceof StoreError ? memoryError(error) : error;
    } finally {
      store.close();
    }
  },
});

/** How to watch and how to show it. */
interface Watching {
  /** What to watch instead of the subscriptions. */
  readonly named: Source[] | undefined;
  readonly articles: boolean;
  readonly terms: readonly string[];
  readonly concurrency: number;
  readonly perHost: number;
  readonly timeout: number;
  readonly allowPrivate: boolean;
  readonly json: boolean;
  readonly io: Io;
  readonly host: Host | undefined;
}

/** The memory, as one whose subscriptions are those that were named, or the built-in list while there are none. */
function watching(store: NewsStore, named: Source[] | undefined): WatchStore {
  return {
    state: (url) => store.state(url),
    beginRun: (at) => store.beginRun(at),
    endRun: (run, at) => store.endRun(run, at),
    record: (run, fetches) => store.record(run, fetches),
    latest: (url, terms) => store.latest(url, terms),
    subscriptions: () => named ?? standingSources(store).sources,
  };
}

/** Watches until it is asked to stop. A switch point. @throws {StoreError} */
function* watchAndShow(store: NewsStore, how: Watching): Coroutine<void> {
  const { terms, concurrency, perHost, timeout, allowPrivate, json, io, host } = how;
  const draws = !json && canRewrite(io.stderr, io.env) && io.stdout.isTTY === true;
  const view = new WatchView(terms, () => clock(host));
  const marker = new Marker(terms);
  /** Rings when there are new articles. */
  const fresh = new Channel<true>(1);
  const watch = new Watch(watching(store, how.named), {
    ...{ terms, concurrency, perHost, timeout, allowPrivate },
    onEvent(event) {
      if (event.kind === "done" && event.fresh.length > 0) fresh.trySend(true);
      if (draws) view.take(event);
      else io.stdout.write(json ? `${JSON.stringify(plainEvent(event))}\n` : eventLine(event, marker));
    },
  });
  yield* group(function* (g) {
    const asked = (): void => {
      if (!draws && !json) io.stderr.write(" stopping: what is under way is finished; Ctrl-C again ends it at once\n");
    };
    g.spawn(stopOnSignals(g, asked), { daemon: true, name: "signals" });
    if (draws) {
      const painted = paint(wantsColour(io.stderr, io.env));
      const shown = showLive({ ...view.of(watch), output: io.stderr, env: io.env, paint: painted });
      g.spawn(shown, { daemon: true, name: "progress" });
    }
    // What earlier runs left is fresh enough.
    fresh.trySend(true);
    if (how.articles) g.spawn(followFresh(store, fresh, how), { daemon: true, name: "articles" });
    yield* watch.work();
  });
}

/** Follows the links of what is new, whenever something is. What a stop interrupts comes the next time. */
function* followFresh(store: NewsStore, fresh: Channel<true>, how: Watching): Coroutine<void> {
  const { concurrency, timeout, allowPrivate, named } = how;
  const manners = new Manners();
  for (;;) {
    yield* fresh.receive();
    const sources = sourcesOf(store, named);
    yield* followLinks(store, new Links(), { sources, concurrency, timeout, allowPrivate, manners });
  }
}

function sourcesOf(store: NewsStore, named: Source[] | undefined): string[] {
  return (named ?? standingSources(store).sources).map(({ url }) => url);
}

/** Softly for the first one, at once for the second one. */
function* stopOnSignals(g: Group, asked: () => void): Coroutine<void> {
  const heard = signals("SIGINT", "SIGTERM");
  yield* heard.next();
  asked();
  g.stop();
  yield* heard.next();
  throw new EndedAtOnce();
}

/** A second Ctrl-C came. */
class EndedAtOnce extends Error {}

/** So many headlines stand in a line. */
const HEADLINES = 3;

/** `2026-11-22T11:31:24Z The Coast: 2 new articles: Storm hits the coast · Harbour closed`. */
export function eventLine(event: WatchEvent, marker: Marker): string {
  const at = `${new Date(event.at).toISOString().slice(0, 19)}Z`;
  if (event.kind === "subscriptions") {
    const names = [
      ...event.added.map((source) => `+ ${nameOf(source)}`),
      ...event.removed.map((source) => `- ${nameOf(source)}`),
    ];
    return `${at} subscriptions: ${names.join(", ")}\n`;
  }
  const { outcome } = event;
  const name = nameOf(outcome.source, outcome.state === "done" ? outcome.title : undefined);
  return `${at} ${name}: ${whatHappened(event, marker)}\n`;
}

function whatHappened(event: Exclude<WatchEvent, { kind: "subscriptions" }>, marker: Marker): string {
  switch (event.kind) {
    case "unchanged":
      return "nothing new";
    case "failed": {
      const { kind, message, cause } = event.outcome.failure;
      return `failed, ${kind}: ${cell(message)}${cause === undefined ? "" : ` (${cell(cause)})`}`;
    }
    case "done": {
      const titles = event.fresh.map(({ title }) => clean(title ?? "")).filter((title) => title !== "");
      // Those that mention a term are what somebody waits for.
      const first = titles.toSorted((a, b) => Number(marker.has(b)) - Number(marker.has(a))).slice(0, HEADLINES);
      const more = titles.length > first.length ? " · …" : "";
      const said = event.fresh.length === 0 ? "no new article" : counted(event.fresh.length, "new article");
      return first.length === 0 ? said : `${said}: ${first.map((title) => cell(title)).join(" · ")}${more}`;
    }
  }
}

function nameOf(source: Source, title?: string): string {
  return cell(source.name ?? title ?? source.url.replace(/^https?:\/\//, "").replace(/\/$/, ""));
}

/** An event as one line of JSON: times in ms since 1970, durations in ms, sizes in bytes. What does not apply is absent. */
function plainEvent(event: WatchEvent): object {
  const { kind, at } = event;
  if (kind === "subscriptions") return { version: 1, event: kind, at, added: event.added, removed: event.removed };
  const { source, bytes, elapsed, due } = event.outcome;
  const failure: { failure?: Failure } = kind === "failed" ? { failure: event.outcome.failure } : {};
  const read =
    kind === "done"
      ? {
          title: event.outcome.title,
          articles: event.outcome.articles,
          mentions: event.outcome.mentions,
          fresh: event.fresh,
          notes: event.outcome.notes,
        }
      : {};
  return {
    ...{ version: 1, event: kind, at, url: source.url, name: source.name },
    ...read,
    ...{ bytes, elapsed: Math.round(elapsed), due },
    ...failure,
  };
}
