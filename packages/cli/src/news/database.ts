// Where the memory of the news is, and how a command comes by it.
//
// Questions never make a memory: who mistypes --db learns that there is nothing, and not that nobody ever wrote of storms.

import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, posix, resolve, win32 } from "node:path";
import { NewsStore, StoreError } from "@rondo/crawl";
import type { Environment, Io } from "../io.ts";
import { CommandError } from "../usage.ts";

/** What stands in the way of a command beside its wording: exit status 3. */
export class MemoryError extends CommandError {
  override readonly name = "MemoryError";
  readonly status = 3;
}

/** The place of the memory where none is named: in the data directory of the user, as each system has it. */
export function defaultPath(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (platform === "win32") {
    const base = env["LOCALAPPDATA"] ?? "";
    return win32.join(base === "" ? win32.join(homedir(), "AppData", "Local") : base, "rondo", "news.db");
  }
  const home = env["HOME"] === undefined || env["HOME"] === "" ? homedir() : env["HOME"];
  if (platform === "darwin") return posix.join(home, "Library", "Application Support", "rondo", "news.db");
  // "If an implementation encounters a relative path it should consider the path invalid" (XDG Base Directory).
  const data = env["XDG_DATA_HOME"] ?? "";
  return posix.join(posix.isAbsolute(data) ? data : join(home, ".local", "share"), "rondo", "news.db");
}

/** The place of the memory: the one that is named, or the default one. */
export function memoryPath(db: string | undefined, env: Environment): string {
  if (db === undefined) return defaultPath(env);
  return db === ":memory:" ? db : resolve(db);
}

/** How a memory is to be opened. */
export interface Opening {
  /** `--db`, if it was given. */
  readonly db: string | undefined;
  /** Nobody reads standard error: say nothing there. */
  readonly quiet: boolean;
  /** `false`: it has to be there. */
  readonly make: boolean;
}

/** Opens the memory and says on standard error where it is. @throws {MemoryError} where that cannot be done. */
export function openMemory({ db, quiet, make }: Opening, io: Io): NewsStore {
  const path = memoryPath(db, io.env);
  if (path !== ":memory:") {
    if (!make && !existsSync(path)) {
      throw new MemoryError(
        `nothing is remembered yet: there is no ${path}`,
        db === undefined ? "rondo news downloads and remembers" : "rondo news --db FILE makes one",
      );
    }
    if (make) makeFolder(dirname(path), db !== undefined);
  }
  return guarded(() => {
    const store = NewsStore.open(path);
    if (!quiet) io.stderr.write(` memory: ${path}\n`);
    return store;
  });
}

/** What the user reads is nobody else's business: the folder we make is for them alone. */
function makeFolder(folder: string, named: boolean): void {
  try {
    if (named && !existsSync(folder))
      throw new MemoryError(`there is no folder ${folder}`, "make it, or name another --db FILE");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error) || error instanceof MemoryError) throw error;
    throw new MemoryError(
      `the folder ${folder} cannot be made (${"code" in error ? String(error.code) : error.message})`,
      "--db FILE keeps the memory elsewhere, --no-db keeps none",
    );
  }
}

/** Does something with a memory. @throws {MemoryError} for what the store throws. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof StoreError ? memoryError(error) : error;
  }
}

/** A store's error as a person needs it: the message says what is wrong and what helps, the hint where to go around it. */
export function memoryError(error: StoreError): MemoryError {
  const hint =
    error.kind === "corrupt"
      ? `sqlite3 ${JSON.stringify(error.path)} .recover may save what is in it; --db FILE names another memory`
      : "--db FILE names another memory";
  return new MemoryError(error.message, hint);
}
