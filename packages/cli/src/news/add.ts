// `rondo news add`: subscribes to the feeds behind addresses.

import {
  failureOf,
  type Failure,
  findSource,
  type FoundSource,
  parseSource,
  type Source,
  SourceError,
} from "@rondo/crawl";
import { type Coroutine, map, type Operation } from "rondo";
import { lookAt, type Look, show } from "../look.ts";
import { duration } from "../options.ts";
import { cell, counted } from "../text.ts";
import { UsageError } from "../usage.ts";
import { guarded, openMemory } from "./database.ts";
import { drawFailures } from "./failures.ts";
import { running } from "./running.ts";
import { type Subcommand, subcommand } from "./subcommand.ts";

/** Addresses looked at at once. */
const AT_ONCE = 8;

/** What came of an address. */
export interface Added {
  readonly input: string;
  readonly source?: Source;
  /** `false`: it was a subscription before. */
  readonly isNew?: boolean;
  /** What was found there; absent with `--as-is`. */
  readonly found?: FoundSource;
  readonly failure?: Failure;
}

export const addCommand: Subcommand = subcommand({
  name: "rondo news add",
  takes: ["as-is", "timeout", "allow-private", "db", "json", "help"],
  summary: "subscribe to a feed, or to the feed of a page",
  help: `rondo news add: subscribes to a feed, or to the feed of a page

Usage
  rondo news add URL... [options]

An address of a feed is taken as it is. Of a page the feed is looked for: what the page points to, then
where feeds often are. A page without one is subscribed to itself.

  --as-is            take the addresses without asking them
  --timeout TIME     for each request, as 15s, 300ms or 2m (default: 15s)
  --allow-private    also addresses of this machine and of private networks
  --db FILE          the memory to add to (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all were added or were there before, 1 some were not, 2 wrong usage, 3 the memory cannot be used
`,
  async run({ values, positionals }, io, host) {
    if (positionals.length === 0) throw new UsageError("add what?", "as in rondo news add https://example.org");
    const timeout = values.timeout === undefined ? 15_000 : duration("--timeout", values.timeout);
    const json = values.json ?? false;
    const store = openMemory({ db: values.db, quiet: json, make: true }, io);
    try {
      const how = { asIs: values["as-is"] ?? false, timeout, allowPrivate: values["allow-private"] ?? false };
      const all = (): Operation<Added[]> =>
        map(positionals, (input) => lookAtOne(input, how), { concurrency: AT_ONCE });
      const found = await running(all, { name: "rondo news add", io, host });
      if (found === undefined) return 130;
      const added = found.value.map((each): Added => {
        const { source } = each;
        return source === undefined ? each : { ...each, isNew: guarded(() => store.subscribe(source)) };
      });
      if (json) io.stdout.write(`${JSON.stringify({ version: 1, db: store.path, added }, undefined, 2)}\n`);
      else {
        const look = lookAt(io.stdout, io.env);
        show(io, look, drawAdded(added, look));
      }
      return added.some(({ failure }) => failure !== undefined) ? 1 : 0;
    } finally {
      store.close();
    }
  },
});

interface LookUp {
  readonly asIs: boolean;
  readonly timeout: number;
  readonly allowPrivate: boolean;
}

function* lookAtOne(input: string, { asIs, timeout, allowPrivate }: LookUp): Coroutine<Added> {
  try {
    const source = parseSource(input);
    if (asIs) return { input, source };
    const found = yield* findSource(source.url, { timeout, allowPrivate });
    const [feed] = found.feeds;
    const url = feed?.url ?? found.url;
    return { input, source: parseSource(url, feed?.title ?? found.title), found };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { input, failure: failureOf(error) };
  }
}

const BY: Readonly<Record<string, string>> = {
  link: "found by a link in the page",
  anchor: "found by a link that looks like one",
  guess: "found where feeds often are",
};

function drawAdded(added: readonly Added[], look: Look): string[] {
  const lines: string[] = [];
  for (const { input, source, isNew, found } of added) {
    if (source === undefined) continue;
    const sign = isNew === true ? look.paint.green("+") : "=";
    lines.push(` ${sign} ${cell(source.name ?? source.url)}${isNew === true ? "" : " (was a subscription before)"}`);
    if (source.name !== undefined) lines.push(`     ${source.url}`);
    if (found === undefined) continue;
    const [feed, ...others] = found.feeds;
    if (feed === undefined) {
      lines.push(
        `     no feed was found at ${cell(input)}, ${counted(found.tried.length, "address", "addresses")} tried: the page itself is taken`,
      );
      continue;
    }
    if (feed.by !== "itself") lines.push(`     ${BY[feed.by]}`);
    for (const other of others)
      lines.push(
        look.paint.dim(`     also there: ${other.url}${other.title === undefined ? "" : ` ${cell(other.title, 40)}`}`),
      );
  }
  const failed = added.flatMap(({ input, failure }) => (failure === undefined ? [] : [{ what: input, failure }]));
  return [lines.length === 0 ? "" : `${lines.join("\n")}\n`, drawFailures("Not added", failed, look)];
}
