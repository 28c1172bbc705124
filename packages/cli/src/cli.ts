// The command `rondo`: finds the subcommand and turns what comes out of it into an exit status.

import type { Host } from "rondo";
import type { Io } from "./io.ts";
import { CommandError, nearest, UsageError } from "./usage.ts";
import { VERSION } from "./version.ts";

type Command = (argv: readonly string[], io: Io, host?: Host) => Promise<number>;

/** Subcommands: one line each. A new one is a new entry. They are loaded when they are wanted: to download takes 500 modules, to help none. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  news: async () => (await import("./news/subcommands.ts")).news,
};

const HELP = `rondo ${VERSION}

Usage
  rondo news [URL...]    download many feeds and pages at once, count words in them, remember them
  rondo news COMMAND     trends, top, rising, sources, export, add, remove, import, check, watch
  rondo --version
  rondo --help

rondo COMMAND --help says more.
`;

/**
 * Runs a command line and gives its exit status: 0 well, 1 partly failed, 2 wrong usage, 3 no use of the memory, 130 interrupted.
 *
 * @param argv what stands after the program's name.
 * @param host the world to run on; by default the platform's.
 *
 * @example
 * ```ts
 * import { cli } from "@rondo/cli";
 *
 * const said: string[] = [];
 * const output = { write: (text: string) => said.push(text) };
 * const status = await cli(["new"], { stdout: output, stderr: output, env: {} });
 * console.log(status, said[0]?.split("\n")[0]); // prints: 2 rondo: there is no command "new"
 * ```
 */
export async function cli(argv: readonly string[], io: Io, host?: Host): Promise<number> {
  const [name, ...rest] = argv;
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      (name === undefined ? io.stderr : io.stdout).write(HELP);
      return name === undefined ? 2 : 0;
    }
    if (name === "--version" || name === "-v") {
      io.stdout.write(`${VERSION}\n`);
      return 0;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) {
      const meant = nearest(name, Object.keys(COMMANDS));
      throw new UsageError(
        `there is no command ${JSON.stringify(name)}`,
        meant === undefined ? "rondo --help lists the commands" : `did you mean rondo ${meant}?`,
      );
    }
    const run = await command();
    return await run(rest, io, host);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    io.stderr.write(`rondo: ${error.message}\n       ${error.hint}\n`);
    return error.status;
  }
}
