// Which sources a command is about: those that were named, or the subscriptions, or the built-in list.

import { existsSync } from "node:fs";
import { builtInSources, type NewsStore, type SourceList } from "@rondo/crawl";
import type { Io } from "../io.ts";
import { guarded, memoryPath, openMemory } from "./database.ts";
import { isNamed, type Named, readSources } from "./inputs.ts";

/** What was named, looked at before a memory is opened or even made. @throws {UsageError} where none of it can be used. */
export function namedSources(named: Named): SourceList | undefined {
  return isNamed(named) ? readSources(named) : undefined;
}

/** Without anything named: the subscriptions, or the built-in list while there are none. */
export function standingSources(store: NewsStore | undefined): SourceList {
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
  const list = namedSources(named);
  if (list !== undefined) return list;
  if (db === undefined && !existsSync(memoryPath(db, io.env))) return standingSources(undefined);
  using store = openMemory({ db, quiet, make: false }, io);
  return standingSources(store);
}
