/**
 * The small ones: what there is at a path, and making, moving and removing it.
 *
 * Those that only look are left when they are cancelled; those that change something are waited for (see call.ts), so a
 * cancelled one has not happened.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Coroutine, Wait } from "../coroutine/wait.ts";
import { defer } from "../task/defer.ts";
import { changing, fileCall, type Path, shownPath } from "./call.ts";
import { FileError, hasCode } from "./errors.ts";
import { type FileInfo, type FileKind, infoOf, kindOf } from "./info.ts";

/**
 * What the file system knows about what is at `path`; of what a symbolic link points to, or of the link itself with
 * `{ followSymlinks: false }`. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { stat } from "rondo/os";
 *
 * const info = await run(() => stat("/dev/null"));
 * console.log(info.kind, info.size); // prints: character 0
 * ```
 */
export function stat(path: Path, options: { readonly followSymlinks?: boolean | undefined } = {}): Wait<FileInfo> {
  const look = options.followSymlinks === false ? fs.lstat : fs.stat;
  return fileCall<FileInfo>({
    operation: "stat",
    path,
    begin: (done) => look(path, (error, stats) => (error === null ? done(null, infoOf(stats)) : done(error))),
  });
}

/**
 * Whether there is anything at `path` (for a symbolic link: at what it points to). Throws `FileError` where that cannot be
 * known (`EACCES`). Between the answer and what you do about it the world may change: to make a file only where there is
 * none, open it with `wx`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { exists } from "rondo/os";
 *
 * console.log(await run(() => exists("/dev/null")), await run(() => exists("/no/such"))); // prints: true false
 * ```
 */
export function* exists(path: Path): Coroutine<boolean> {
  try {
    yield* stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/**
 * Makes a directory, and with `recursive` those above it that are missing; then it may exist already. Throws `FileError`. A
 * switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { makeDir, readDir, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* makeDir(`${dir}/a/b`, { recursive: true });
 *   console.log(yield* readDir(`${dir}/a`)); // prints: [ { name: 'b', kind: 'directory' } ]
 * });
 * ```
 */
export function makeDir(
  path: Path,
  options: { readonly recursive?: boolean | undefined; readonly mode?: number | undefined } = {},
): Wait<void> {
  const { recursive = false, mode = 0o777 } = options;
  return changing("makeDir", path, (done) => fs.mkdir(path, { recursive, mode }, (error) => done(error)));
}

/** What is in a directory. */
export interface DirEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/**
 * What is in a directory, in the order of the names. Throws `FileError` (`ENOTDIR`, …). A switch point. For directories in
 * directories see `walk`.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { readDir, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* writeFile(`${dir}/b`, "");
 *   yield* writeFile(`${dir}/a`, "");
 *   console.log((yield* readDir(dir)).map(({ name }) => name)); // prints: [ 'a', 'b' ]
 * });
 * ```
 */
export function readDir(path: Path): Wait<DirEntry[]> {
  return fileCall<DirEntry[]>({
    operation: "readDir",
    path,
    begin: (done) =>
      fs.readdir(path, { withFileTypes: true }, (error, entries) => {
        if (error !== null) done(error);
        else done(null, entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })).toSorted(byName));
      }),
  });
}

function byName(a: DirEntry, b: DirEntry): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/**
 * Removes a file, a symbolic link (never what it points to) or an empty directory; with `recursive` a directory and all that
 * is in it, entry by entry, so that it can be cancelled on the way. Throws `FileError`; with `missing: "ignore"` not where
 * there is nothing to remove. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { exists, makeDir, remove, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* makeDir(`${dir}/a/b/c`, { recursive: true });
 *   yield* remove(`${dir}/a`, { recursive: true });
 *   console.log(yield* exists(`${dir}/a`)); // prints: false
 * });
 * ```
 */
export function* remove(
  path: Path,
  options: { readonly recursive?: boolean | undefined; readonly missing?: "ignore" | "throw" | undefined } = {},
): Coroutine<void> {
  const ignored = options.missing === "ignore" ? ["ENOENT"] : [];
  const top = shownPath(path);
  try {
    const { kind } = yield* stat(top, { followSymlinks: false });
    if (kind !== "directory") yield* unlink(top);
    else if (options.recursive === true) yield* removeTree(top);
    else yield* changing("remove", top, (done) => fs.rmdir(top, done));
  } catch (error) {
    if (!hasCode(error, ...ignored)) throw error;
  }
}

function unlink(path: string | Buffer): Wait<void> {
  return changing("remove", String(path), (done) => fs.unlink(path, done));
}

/** How often a directory that should be empty may be found not to be: somebody fills it faster than it is emptied. */
const TRIES = 100;

interface OpenDir {
  readonly path: Buffer;
  entries: fs.Dirent<Buffer>[];
  tries: number;
}

function* removeTree(top: string): Coroutine<void> {
  const first = Buffer.from(top);
  // A list of our own and no recursion: a tree may be deeper than the stack. And bytes, since a name need not be text.
  const open: OpenDir[] = [{ path: first, entries: yield* rawEntries(first), tries: 0 }];
  for (let dir = open.at(-1); dir !== undefined; dir = open.at(-1)) {
    const entry = dir.entries.pop();
    const path = entry === undefined ? dir.path : Buffer.concat([dir.path, SLASH, entry.name]);
    try {
      if (entry === undefined) {
        yield* changing("remove", String(path), (done) => fs.rmdir(path, done));
        open.pop();
      } else if (entry.isDirectory()) open.push({ path, entries: yield* rawEntries(path), tries: 0 });
      else yield* unlink(path);
    } catch (error) {
      // Somebody else was quicker.
      if (hasCode(error, "ENOENT")) {
        if (entry === undefined) open.pop();
        continue;
      }
      // Somebody has put something in meanwhile: it goes too.
      if (entry !== undefined || !hasCode(error, "ENOTEMPTY", "EEXIST") || dir.tries++ > TRIES) throw error;
      dir.entries = yield* rawEntries(path);
    }
  }
}

const SLASH = Buffer.from("/");

function rawEntries(path: Buffer): Wait<fs.Dirent<Buffer>[]> {
  return fileCall<fs.Dirent<Buffer>[]>({
    operation: "readDir",
    path: String(path),
    begin: (done) => fs.readdir(path, { withFileTypes: true, encoding: "buffer" }, done),
  });
}

/**
 * Moves what is at `from` to `to`, in one step that nobody can see the half of; a file at `to` is replaced. Throws `FileError`,
 * with `EXDEV` where the two are on different file systems. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { readFile, rename, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* writeFile(`${dir}/a`, "moved");
 *   yield* rename(`${dir}/a`, `${dir}/b`);
 *   console.log(yield* readFile(`${dir}/b`, "utf8")); // prints: moved
 * });
 * ```
 */
export function rename(from: Path, to: Path): Wait<void> {
  return fileCall<void>({
    operation: "rename",
    path: from,
    destination: to,
    changes: true,
    begin: (done) => fs.rename(from, to, done),
  });
}

/**
 * Makes a symbolic link at `path` that says `target`. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { makeLink, readLink, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* makeLink("somewhere/else", `${dir}/link`);
 *   console.log(yield* readLink(`${dir}/link`)); // prints: somewhere/else
 * });
 * ```
 */
export function makeLink(target: string, path: Path): Wait<void> {
  return changing("makeLink", path, (done) => fs.symlink(target, path, done));
}

/**
 * What a symbolic link says. Throws `FileError` (`EINVAL` where there is no link). A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { FileError, readLink } from "rondo/os";
 *
 * try {
 *   await run(() => readLink("/dev/null"));
 * } catch (error) {
 *   console.log((error as FileError).code); // prints: EINVAL
 * }
 * ```
 */
export function readLink(path: Path): Wait<string> {
  return fileCall<string>({ operation: "readLink", path, begin: (done) => fs.readlink(path, done) });
}

/**
 * The path without symbolic links, `.` and `..`. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { realPath } from "rondo/os";
 *
 * console.log(await run(() => realPath("/dev/../dev/null"))); // prints: /dev/null
 * ```
 */
export function realPath(path: Path): Wait<string> {
  return fileCall<string>({ operation: "realPath", path, begin: (done) => fs.realpath.native(path, done) });
}

/**
 * Sets the permission bits of what is at `path`. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { changeMode, stat, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* writeFile(`${dir}/tool`, "#!/bin/sh\n");
 *   yield* changeMode(`${dir}/tool`, 0o755);
 *   console.log((yield* stat(`${dir}/tool`)).mode.toString(8)); // prints: 755
 * });
 * ```
 */
export function changeMode(path: Path, mode: number): Wait<void> {
  return changing("changeMode", path, (done) => fs.chmod(path, mode, done));
}

/**
 * Makes a directory that only this user can read, in the system's place for such things (or `in`), and removes it with all
 * that is in it at the end of the current scope. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run, scope } from "rondo";
 * import { exists, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const { value: dir } = yield* scope(function* () {
 *     const dir = yield* temporaryDir();
 *     yield* writeFile(`${dir}/scratch`, "anything");
 *     return dir;
 *   });
 *   console.log(yield* exists(dir as string)); // prints: false
 * });
 * ```
 */
export function* temporaryDir(
  options: { readonly prefix?: string | undefined; readonly in?: string | undefined } = {},
): Coroutine<string> {
  const { prefix = "rondo-", in: parent = tmpdir() } = options;
  const start = join(parent, prefix);
  const dir = yield* fileCall<string>({
    operation: "temporaryDir",
    path: start,
    changes: true,
    begin: (done) => fs.mkdtemp(start, done),
  });
  defer(() => remove(dir, { recursive: true, missing: "ignore" }));
  return dir;
}

/** Whether what is at a path can be written to, as `FileError` where not; nothing, where there is nothing. */
export function writable(path: string): Wait<void> {
  return fileCall<void>({ operation: "open", path, begin: (done) => fs.access(path, fs.constants.W_OK, done) });
}

/** What is at a path, or nothing. */
export function* statIfAny(path: string): Coroutine<FileInfo | undefined> {
  try {
    return yield* stat(path);
  } catch (error) {
    if (error instanceof FileError && error.code === "ENOENT") return undefined;
    throw error;
  }
}
