/**
 * Replacing a file so that everybody sees the old contents or the new ones and never a half: what is new is written beside
 * it, brought to the disk, and moved over it in one step (`rename(2)`). A crash at any time leaves one of the two.
 *
 * What cannot be replaced (a device, a FIFO, a directory) must not be: moving a file over `/dev/null` as root would put a
 * file there. So what is at the path is looked at first.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";

import type { Coroutine, Operation, Wait } from "../coroutine/wait.ts";
import { cleanup } from "../task/scope.ts";
import { changing, fileCall, type Path, shownPath } from "./call.ts";
import { FileError, hasCode } from "./errors.ts";
import type { FileInfo } from "./info.ts";
import { readLink, realPath, remove, rename, statIfAny, writable } from "./paths.ts";

/** Where the new contents go. */
export interface Place {
  /** The path to write to: a temporary one, or the real one where nothing can be moved over it. */
  readonly path: string;
  /** What is there now, if anything. */
  readonly old: FileInfo | undefined;
  /** Whether `path` is the temporary one. */
  readonly beside: boolean;
}

/** Has `fill` write the new contents of `path`, and puts them there; with `exclusive` only where there is nothing. */
export function* replacing(
  path: Path,
  fill: (place: Place) => Operation<void>,
  durable: boolean,
  exclusive: boolean = false,
): Coroutine<void> {
  const target = yield* finalTarget(shownPath(path));
  const old = yield* statIfAny(target);
  if (old !== undefined && exclusive) {
    throw new FileError({ code: "EEXIST", operation: "open", path: target }, "there is a file already");
  }
  if (old !== undefined && old.kind !== "file") {
    yield* fill({ path: target, old, beside: false });
    return;
  }
  // Whoever must not write to the file must not replace it either.
  if (old !== undefined) yield* writable(target);
  const dir = dirname(target);
  const temporary = join(dir, `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.tmp`);
  let moved = false;
  try {
    yield* fill({ path: temporary, old, beside: true });
    if (exclusive) yield* link(temporary, target);
    else {
      yield* rename(temporary, target);
      moved = true;
    }
  } catch (error) {
    throw blamed(error, temporary, target);
  } finally {
    if (!moved) yield* cleanup(remove(temporary, { missing: "ignore" }));
  }
  if (durable) yield* syncDir(dir);
}

/** Gives a file a second name, unless that is taken; unlike `rename` this replaces nothing. */
function link(path: string, name: string): Wait<void> {
  return changing("open", name, (done) => fs.link(path, name, done));
}

/** What a chain of symbolic links ends at: the links stay as they are. The end need not exist. */
function* finalTarget(path: string): Coroutine<string> {
  try {
    return yield* realPath(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  let at = path;
  for (let links = 0; links < 40; links++) {
    let target: string;
    try {
      target = yield* readLink(at);
    } catch (error) {
      if (hasCode(error, "EINVAL", "ENOENT")) return at;
      throw error;
    }
    // Not `join`, which takes `..` away by the letter: what is before it may be a link too.
    at = target.startsWith("/") ? target : `${dirname(at)}/${target}`;
  }
  throw new FileError({ code: "ELOOP", operation: "open", path }, "too many symbolic links");
}

/** An error speaks of the file that the user named, and not of ours beside it. */
function blamed(error: unknown, temporary: string, target: string): unknown {
  if (!(error instanceof FileError) || error.path !== temporary) return error;
  const better = new FileError(
    { code: error.code, operation: error.operation, path: target },
    error.code === "EACCES" || error.code === "EPERM" || error.code === "EROFS"
      ? "no file can be made beside it, which replacing it in one step needs; { atomic: false } writes into it"
      : error.message.slice(error.message.indexOf(": ") + 2, error.message.lastIndexOf(" (")),
    error.cause,
  );
  better.written = error.written;
  return better;
}

/** The new name is on the disk only when the directory is. */
function* syncDir(dir: string): Coroutine<void> {
  try {
    yield* changing("sync", dir, (done) =>
      fs.open(dir, "r", (error, fd) => {
        if (error !== null) done(error);
        else fs.fsync(fd, (failed) => fs.close(fd, (last) => done(failed ?? last ?? null)));
      }),
    );
  } catch (error) {
    // Directories cannot be opened everywhere (Windows), nor synced (some network file systems), nor read by everyone who
    // may write to them.
    if (!hasCode(error, "EACCES", "EISDIR", "EPERM", "EINVAL", "ENOTSUP", "EBADF")) throw error;
  }
}

/** Gives a new file the mode and, where this user may, the owner of the one it replaces. */
export function* likeBefore(fd: number, path: string, old: FileInfo): Coroutine<void> {
  const { user, group, mode } = old;
  if (process.getuid !== undefined && (user !== process.getuid() || group !== process.getgid?.())) {
    yield* fileCall<void>({
      operation: "changeOwner",
      path,
      changes: true,
      // Only root may give files away. Others get a file of their own, as with any editor.
      begin: (done) => fs.fchown(fd, user, group, () => done(null)),
    });
  }
  // After the owner: changing that takes some bits away.
  yield* changing("changeMode", path, (done) => fs.fchmod(fd, mode, done));
}
