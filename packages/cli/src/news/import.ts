// `rondo news import`: subscribes to all that lists name, OPML or text.

import type { Source } from "@rondo/crawl";
import { lookAt, show } from "../look.ts";
import { counted } from "../text.ts";
import { UsageError } from "../usage.ts";
import { guarded, openMemory } from "./database.ts";
import { drawFailures, plainProblem } from "./failures.ts";
import { readSources } from "./inputs.ts";
import { type Subcommand, subcommand } from "./subcommand.ts";

export const importCommand: Subcommand = subcommand({
  name: "rondo news import",
  takes: ["db", "json", "help"],
  summary: "subscribe to all in a list, OPML or text",
  help: `rondo news import: subscribes to all in a list

Usage
  rondo news import FILE... [options]

A list is OPML, as every feed reader exports it, or text: one address a line, its name behind it if you like.
Nothing is fetched. One bad line is that line's problem, and the others are taken.

  --db FILE          the memory to add to (default: the one rondo news writes)
  --json             one JSON document on standard output, and nothing else
  -h, --help         this text

Exit status
  0 all were taken, 1 some lines were not, 2 wrong usage, 3 the memory cannot be used
`,
  run({ values, positionals }, io) {
    if (positionals.length === 0) throw new UsageError("import what?", "as in rondo news import subscriptions.opml");
    const { sources, problems } = readSources(
      { urls: [], feeds: positionals },
      "as in rondo news import subscriptions.opml",
    );
    const json = values.json ?? false;
    const store = openMemory({ db: values.db, quiet: json, make: true }, io);
    try {
      const added: Source[] = [];
      const known: Source[] = [];
      for (const source of sources) (guarded(() => store.subscribe(source)) ? added : known).push(source);
      if (json) {
        const data = { version: 1, db: store.path, added, known, problems: problems.map(plainProblem) };
        io.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
      } else {
        const look = lookAt(io.stdout, io.env);
        const before = known.length === 0 ? "" : ` · ${counted(known.length, "was", "were")} there before`;
        const failed = problems.map(plainProblem).map(({ input, failure }) => ({ what: input, failure }));
        show(io, look, [
          ` ${counted(added.length, "subscription")} added${before}\n`,
          drawFailures(counted(failed.length, "problem"), failed, look),
        ]);
      }
      return problems.length > 0 ? 1 : 0;
    } finally {
      store.close();
    }
  },
});
