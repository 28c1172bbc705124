// `rondo news remove`: ends subscriptions. What was read from them stays.

import { parseSource, type Source, SourceError } from "@rondo/crawl";
import { lookAt, type Look, show } from "../look.ts";
import { cell, clean } from "../text.ts";
import { nearest, UsageError } from "../usage.ts";
import { guarded, openMemory } from "./database.ts";
import { type Subcommand, subcommand } from "./subcommand.ts";

/** What came of an address or a name. */
interface Removed {
  readonly input: string;
  /** What was removed; absent where it is no subscription. */
  readonly url?: string;
  /** A subscription that may be meant. */
  readonly meant?: string;
}

export const removeCommand: Subcommand = subcommand({
  name: "rondo news remove",
  takes: ["db", "json", "help"],
  summary: "end a subscription; what was read stays",
  help: `rondo news remove: ends subscriptions; what was read from them stays in the memory

Usage
  rondo news remove URL... [options]

URL is the address or the name of a subscription, as rondo news sources shows them.

  --db FILE          the memory to remove from (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all were removed, 1 some were no subscriptions, 2 wrong usage, 3 the memory cannot be used
`,
  run({ values, positionals }, io) {
    if (positionals.length === 0) throw new UsageError("remove what?", "rondo news sources shows what there is");
    const json = values.json ?? false;
    const store = openMemory({ db: values.db, quiet: json, make: false }, io);
    try {
      const removed = positionals.map((input): Removed => {
        const subscriptions = guarded(() => store.subscriptions());
        const source = find(input, subscriptions);
        if (source === undefined) return { input, ...meantBy(input, subscriptions) };
        guarded(() => store.unsubscribe(source.url));
        return { input, url: source.url };
      });
      if (json) io.stdout.write(`${JSON.stringify({ version: 1, db: store.path, removed }, undefined, 2)}\n`);
      else {
        const look = lookAt(io.stdout, io.env);
        show(io, look, [drawRemoved(removed, look)]);
      }
      return removed.every(({ url }) => url !== undefined) ? 0 : 1;
    } finally {
      store.close();
    }
  },
});

/** By its address, however that is spelled, or by its name. */
function find(input: string, subscriptions: readonly Source[]): Source | undefined {
  const url = addressOf(input);
  const name = clean(input).toLowerCase();
  return (
    subscriptions.find((each) => each.url === url) ??
    subscriptions.find((each) => each.name !== undefined && clean(each.name).toLowerCase() === name)
  );
}

function addressOf(input: string): string | undefined {
  try {
    return parseSource(input).url;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return undefined;
  }
}

/** Another feed of the same host, an address without its scheme, or one with a slip of the finger. */
function meantBy(input: string, subscriptions: readonly Source[]): { meant?: string } {
  const urls = subscriptions.map(({ url }) => url);
  const bare = input.replace(/^https?:\/\//, "").replace(/\/$/, "");
  const within = bare.length < 4 ? undefined : urls.find((url) => url.includes(bare));
  const host = URL.parse(input)?.host;
  const meant = within ?? nearest(input, urls) ?? subscriptions.find((each) => each.host === host)?.url;
  return meant === undefined ? {} : { meant };
}

function drawRemoved(removed: readonly Removed[], look: Look): string {
  const lines = removed.map(({ input, url, meant }) => {
    if (url !== undefined) return ` ${look.paint.green("-")} ${url}`;
    const guess = meant === undefined ? "rondo news sources shows what there is" : `did you mean ${meant} ?`;
    return ` ${look.paint.red("✗")} ${cell(input)} is no subscription; ${guess}`;
  });
  return `${lines.join("\n")}\n`;
}
