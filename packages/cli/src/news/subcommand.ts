// What the commands below `rondo news` have in common: their options are parsed, --help is answered, the memory is opened and
// closed, and what they found is printed as one JSON document or as a drawing.

import type { NewsStore } from "@rondo/crawl";
import type { Host } from "rondo";
import type { Io } from "../io.ts";
import { lookAt, type Look } from "../look.ts";
import { show } from "../look.ts";
import { type OptionName, type Parsed, parseOptions, seeHelp, type Taking } from "../options.ts";
import { UsageError } from "../usage.ts";
import { guarded, openMemory } from "./database.ts";

/** A command below `rondo news`. */
export interface Subcommand extends Taking {
  /** A line for the list of commands. */
  readonly summary: string;
  readonly help: string;
  /** @throws {UsageError} @throws {MemoryError} */
  run(argv: readonly string[], io: Io, host: Host | undefined, others: readonly Taking[]): Promise<number>;
}

/** What a command is made from. */
interface Parts<Name extends OptionName> {
  readonly name: string;
  readonly takes: readonly Name[];
  readonly summary: string;
  readonly help: string;
  run(parsed: Parsed<Name>, io: Io, host: Host | undefined): Promise<number> | number;
}

/** Makes a command that parses its own options and answers --help. */
export function subcommand<Name extends OptionName>(parts: Parts<Name>): Subcommand {
  const { name, takes, summary, help } = parts;
  return {
    name,
    takes,
    summary,
    help,
    async run(argv, io, host, others) {
      if (argv.includes("--help") || argv.includes("-h")) {
        io.stdout.write(help);
        return 0;
      }
      return await parts.run(parseOptions({ name, takes }, argv, others), io, host);
    },
  };
}

/** What every question takes. */
export interface Asking {
  readonly db?: string | undefined;
  readonly json?: boolean | undefined;
}

/** An answer, as data and as a drawing of it. */
export interface Answer {
  /** What `--json` prints, beside the version and the memory's place. */
  readonly data: object;
  draw(look: Look): readonly string[];
}

/** Asks the memory something and prints the answer. Gives the exit status. */
export function ask(asking: Asking, io: Io, question: (store: NewsStore) => Answer, rows?: number): number {
  const json = asking.json ?? false;
  const store = openMemory({ db: asking.db, quiet: json, make: false }, io);
  try {
    const answer = guarded(() => question(store));
    if (json) io.stdout.write(`${JSON.stringify({ version: 1, db: store.path, ...answer.data }, undefined, 2)}\n`);
    else {
      const look = lookAt(io.stdout, io.env, rows);
      show(io, look, answer.draw(look));
    }
    return 0;
  } finally {
    store.close();
  }
}

/** The time that questions go by, in ms since 1970. */
export function clock(host: Host | undefined): number {
  return host?.wallClock() ?? Date.now();
}

/** @throws {UsageError} where there is something that the command has no use for. */
export function noMore(command: string, positionals: readonly string[]): void {
  if (positionals.length > 0) {
    throw new UsageError(
      `${command} does not know what to do with ${JSON.stringify(positionals[0])}`,
      seeHelp(command),
    );
  }
}
