/**
 * All files under a directory.
 *
 * A walk meets a world that changes and that is not all its own: directories vanish between being seen and being read, and
 * some may not be read. One of these must not cost the rest of the walk, and must not be passed over in silence either. So
 * a walk goes on, and what could not be read is told at once to `onError`, or thrown at the end.
 */
import { join } from "node:path";

import { suppress } from "../coroutine/errors.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import type { Emit } from "../combine/producer.ts";
import { type Path, shownPath } from "./call.ts";
import { FileError, hasCode } from "./errors.ts";
import type { FileKind } from "./info.ts";
import { type DirEntry, readDir, stat } from "./paths.ts";

/** What a walk meets. */
export interface WalkEntry {
  /** From the directory that was given to `walk`, with that in front. */
  readonly path: string;
  readonly name: string;
  /** What it is; where links are followed, what they lead to. */
  readonly kind: FileKind;
  /** 0 for what is in the directory itself. */
  readonly depth: number;
}

/** How a walk goes. */
export interface WalkOptions {
  /** How many levels of directories to go down: with 0 only what is in the directory itself. No limit by default. */
  readonly maxDepth?: number | undefined;
  /** Goes into directories that symbolic links lead to, each directory once. False by default. */
  readonly followSymlinks?: boolean | undefined;
  /** Whether to go into a directory. It is met in any case. */
  readonly enter?: ((entry: WalkEntry) => boolean) | undefined;
  /** Hears of each directory that could not be read; what it throws ends the walk. */
  readonly onError?: ((error: FileError) => void) | undefined;
}

/**
 * A flow of all that is under a directory: a directory before what is in it, names in order. Memory is needed for one
 * directory at each level. Symbolic links are met and not followed, unless that is asked for.
 *
 * A directory that cannot be read (`EACCES`) does not end the walk: the others come, and then the first such error is thrown
 * (the rest are its `suppressed()`), or each is told to `onError` and none is thrown. What vanishes meanwhile was not there.
 * Where the first directory itself cannot be read that is thrown at once.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { makeDir, temporaryDir, walk, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* makeDir(`${dir}/src/deep`, { recursive: true });
 *   yield* writeFile(`${dir}/src/deep/a.ts`, "");
 *   yield* writeFile(`${dir}/readme`, "");
 *   const names = yield* walk(dir).map(({ path }) => path.slice(dir.length)).toArray();
 *   console.log(names.join(" ")); // prints: /readme /src /src/deep /src/deep/a.ts
 * });
 * ```
 */
export function walk(dir: Path, options: WalkOptions = {}): Flow<WalkEntry> {
  return Flow.from<WalkEntry>((emit) => walking(shownPath(dir), options, emit), { name: `walk ${shownPath(dir)}` });
}

/** What stands in a name for bytes that are no text. */
const UNREADABLE = "\ufffd";

function* walking(top: string, options: WalkOptions, emit: Emit<WalkEntry>): Coroutine<void> {
  const { maxDepth = Infinity, followSymlinks = false, enter, onError } = options;
  const failures: unknown[] = [];
  const failed = (cause: unknown, path: string): void => {
    let error = cause;
    if (hasCode(error, "ENOENT")) {
      if (!path.includes(UNREADABLE)) return;
      // It is not gone: Node has no name for it.
      error = new FileError({ code: "EILSEQ", operation: "walk", path }, "its name is no valid UTF-8", cause);
    }
    if (!hasCode(error, "EACCES", "EPERM", "ENOTDIR", "ELOOP", "EIO", "ENAMETOOLONG", "ESTALE", "EILSEQ")) throw error;
    if (onError === undefined) failures.push(error);
    else onError(error as FileError);
  };
  const seen = new Set<string>();
  if (followSymlinks) seen.add(yield* identity(top));
  // Each level's names, last first, so that the next one is at the end. No recursion: a tree may be deeper than the stack.
  const levels: { readonly dir: string; readonly names: DirEntry[] }[] = [
    { dir: top, names: (yield* readDir(top)).toReversed() },
  ];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.names.pop();
    if (next === undefined) {
      levels.pop();
      continue;
    }
    const path = join(level.dir, next.name);
    const depth = levels.length - 1;
    let { kind } = next;
    try {
      if (kind === "unknown") kind = (yield* stat(path, { followSymlinks: false })).kind;
      if (kind === "symlink" && followSymlinks) kind = (yield* stat(path)).kind;
    } catch (error) {
      // A link that leads nowhere is a link.
      if (!hasCode(error, "ENOENT")) failed(error, path);
    }
    const entry: WalkEntry = { path, name: next.name, kind, depth };
    yield* emit(entry);
    if (kind !== "directory" || depth >= maxDepth || enter?.(entry) === false) continue;
    try {
      if (followSymlinks) {
        const id = yield* identity(path);
        if (seen.has(id)) continue;
        seen.add(id);
      }
      levels.push({ dir: path, names: (yield* readDir(path)).toReversed() });
    } catch (error) {
      failed(error, path);
    }
  }
  if (failures.length > 0) throw suppress(failures[0], failures.slice(1));
}

function* identity(path: string): Coroutine<string> {
  const { device, inode } = yield* stat(path);
  return `${device}:${inode}`;
}
