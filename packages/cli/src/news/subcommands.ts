// The commands below `rondo news`, and which of them a command line means.

import type { Host } from "rondo";
import type { Io } from "../io.ts";
import type { Taking } from "../options.ts";
import { nearest, UsageError } from "../usage.ts";
import { addCommand } from "./add.ts";
import { DOWNLOADING, newsHelp, parseNewsArgs } from "./args.ts";
import { newsCommand } from "./command.ts";
import { checkCommand } from "./check.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { removeCommand } from "./remove.ts";
import { risingCommand } from "./rising.ts";
import { sourcesCommand } from "./sources.ts";
import type { Subcommand } from "./subcommand.ts";
import { topCommand } from "./top.ts";
import { trendsCommand } from "./trends.ts";
import { watchCommand } from "./watch.ts";

/** In the order in which --help shows them. */
const SUBCOMMANDS: readonly Subcommand[] = [
  trendsCommand,
  topCommand,
  risingCommand,
  sourcesCommand,
  exportCommand,
  addCommand,
  removeCommand,
  importCommand,
  checkCommand,
  watchCommand,
];

const BY_WORD: ReadonlyMap<string, Subcommand> = new Map(
  SUBCOMMANDS.map((each) => [each.name.replace("rondo news ", ""), each]),
);

const ALL: readonly Taking[] = [DOWNLOADING, ...SUBCOMMANDS];

/** `rondo news`, with or without a command of its own. Gives the exit status. @throws {UsageError} @throws {MemoryError} */
export async function news(argv: readonly string[], io: Io, host?: Host): Promise<number> {
  const [first, ...rest] = argv;
  if (first === "help") {
    const [word] = rest;
    const about = BY_WORD.get(word ?? "");
    if (word !== undefined && about === undefined) throw noSuchCommand(word);
    io.stdout.write(about?.help ?? newsHelp(SUBCOMMANDS));
    return 0;
  }
  const command = BY_WORD.get(first ?? "");
  if (command !== undefined) return await command.run(rest, io, host, othersThan(command));
  if (argv.includes("--help") || argv.includes("-h")) {
    io.stdout.write(newsHelp(SUBCOMMANDS));
    return 0;
  }
  const args = parseNewsArgs(argv, othersThan(DOWNLOADING));
  refuseAlmostCommands(args.urls);
  return await newsCommand(args, io, host);
}

function othersThan(command: Taking): readonly Taking[] {
  return ALL.filter((each) => each !== command);
}

/**
 * A word where an address is expected is a slip: a command that is not first, or one that is not spelled right. Everything
 * that looks like an address of whatever kind is left for those who read addresses.
 */
function refuseAlmostCommands(words: readonly string[]): void {
  const late = words.find((word) => BY_WORD.has(word));
  if (late !== undefined) throw new UsageError(`${late} has to come first`, `as in rondo news ${late} …`);
  const [first] = words;
  if (first === undefined || !/^[a-z]+$/i.test(first)) return;
  throw noSuchCommand(first);
}

function noSuchCommand(word: string): UsageError {
  const meant = nearest(word.toLowerCase(), [...BY_WORD.keys()]);
  return new UsageError(
    `there is no command "rondo news ${word}"`,
    meant === undefined
      ? "rondo news --help shows what there is; an address begins with https://"
      : `did you mean rondo news ${meant}?`,
  );
}
