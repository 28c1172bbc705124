// Which sources a command is about: those that were named, or the subscriptions, or the built-in list.

import { existsSync } from "node:fs";
import { builtInSources, type NewsStore, type SourceList } from "@rondo/crawl";
import type { Io } from "../io.ts";
import { guarded, memoryPath, openMemory } from "./database.ts";
import { isNamed, type Named, readSources } from "./inputs.ts";

/** The sources for a memory that is open, or for none. @throws {UsageError} where sources were named and none can be used. */
export function sourcesFor(named: Named, store: NewsStore | undefined): SourceList {
  if (isNamed(named)) return readSources(named);
  const subscriptions = store === undefined ? [] : guarded(() => store.subscriptions());
  return { sources: subscriptions.length > 0 ? subscriptions : builtInSources(), problems: [] };
}

/** The same for a command that wants nothing else of the memory, and makes none. */
export function subscribedOr(
  named: Named,
  { db, quiet }: { readonly db: string | undefined; readonly quiet: boolean },
  io: Io,
): SourceList {
  // Who names a memory has it looked at; who does not may have none yet.
  if (isNamed(named) || (db === undefined && !existsSync(memoryPath(db, io.env)))) return sourcesFor(named, undefined);
  using store = openMemory({ db, quiet, make: false }, io);
  return sourcesFor(named, store);
}
