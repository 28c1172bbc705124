// What can go wrong with the file that holds the memory, told apart by what a person can do about it.
//
// SQLite answers with some ninety result codes, most of which mean the same to whoever asked. This file brings them down
// to eight kinds, and says each in a sentence that names the file and the way out.

/**
 * What kind of trouble the memory is in.
 *
 * - `newer`: written by a newer version of this program. `not-a-database`: some other file. Both are left as they are.
 * - `corrupt`: damaged. `locked`: another process writes, and went on for longer than was waited.
 * - `full`: no room is left on the disk. `read-only`: it may be read, but not written.
 * - `unreadable`: not there, a directory, or not permitted. `internal`: an error nobody foresaw; the message names it.
 */
export type StoreErrorKind =
  | "newer"
  | "corrupt"
  | "not-a-database"
  | "locked"
  | "full"
  | "read-only"
  | "unreadable"
  | "internal";

/**
 * The memory of the news cannot do what it was asked. What was stored before stays stored: a call either happened as a
 * whole or not at all.
 *
 * @example
 * ```ts
 * import { NewsStore, StoreError } from "@rondo/crawl";
 *
 * try {
 *   NewsStore.open("/dev/null/news.db");
 * } catch (error) {
 *   console.log(error instanceof StoreError && error.kind); // prints: unreadable
 * }
 * ```
 */
export class StoreError extends Error {
  readonly kind: StoreErrorKind;
  /** The file. */
  readonly path: string;

  constructor(kind: StoreErrorKind, path: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "StoreError";
    this.kind = kind;
    this.path = path;
  }
}

/** SQLite's primary result codes: the low byte of each code it gives. */
const KINDS: Readonly<Record<number, StoreErrorKind>> = {
  3: "unreadable", // PERM
  5: "locked", // BUSY
  6: "locked", // LOCKED
  8: "read-only",
  10: "unreadable", // IOERR
  11: "corrupt",
  13: "full",
  14: "unreadable", // CANTOPEN
  23: "unreadable", // AUTH
  26: "not-a-database",
};

/** Its shared memory could not be made larger: IOERR_SHMSIZE, which is how a full disk shows there. */
const SHARED_MEMORY_SIZE = 4874;

const SAYS: Readonly<Record<StoreErrorKind, string>> = {
  newer: "was written by a newer version of this program; use that version, or another file",
  corrupt: "is damaged; move it away and begin a new one, or restore it from a backup",
  "not-a-database": "is no database of the news; name another file",
  locked: "is in use by another process that has been writing for a while; try again when it is done",
  full: "cannot grow: no room is left on its disk; make some, and what was stored before is still there",
  "read-only": "may only be read; change its permissions, or name another file",
  unreadable: "cannot be read or written; see that it and its directory exist and are yours",
  internal: "met an error that was not foreseen",
};

/** A `StoreError` with the usual sentence. */
export function storeError(kind: StoreErrorKind, path: string, cause?: unknown): StoreError {
  const detail = kind === "internal" && cause instanceof Error ? ` (${cause.message})` : "";
  const options = cause === undefined ? undefined : { cause };
  return new StoreError(kind, path, `the database ${path} ${SAYS[kind]}${detail}`, options);
}

/** What an error of SQLite means. Anything else is passed on as it is: it is a mistake in a program. */
export function translated(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  const { errcode } = error;
  const kind = errcode === SHARED_MEMORY_SIZE ? "full" : (KINDS[errcode & 0xff] ?? "internal");
  return storeError(kind, path, error);
}
