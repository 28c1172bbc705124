/**
 * Whole files: reading one at once, writing one so that nobody sees a half, adding to one, copying one.
 */
import * as fs from "node:fs";

import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { cleanup } from "../task/scope.ts";
import { LimitError } from "../net/errors.ts";
import { fileCall, type Path, shownPath } from "./call.ts";
import { type File, type FileData, open, openFile } from "./file.ts";
import { stat } from "./paths.ts";
import { likeBefore, replacing } from "./replace.ts";

/** How much is read at once where the size of a file is not known beforehand. */
const PIECE = 256 * 1024;

/** How a file is read. */
export interface ReadFileOptions {
  /** Gives a string; without it, bytes. What is no valid text becomes U+FFFD. */
  readonly encoding?: BufferEncoding | undefined;
  /** The most bytes to take; a file with more is a `LimitError`. Without it there is no limit. */
  readonly max?: number | undefined;
}

/**
 * Reads a whole file: bytes, or a string where an encoding is named. Throws `FileError` (`ENOENT`, `EISDIR`, `EACCES`, …) and
 * `LimitError`. A switch point; cancelled, the file is closed.
 *
 * A file that others write to meanwhile is read to the end that it has when the end is reached: pieces may be of different
 * ages. One that is replaced by {@link writeFile} is seen as it was or as it is. Files that have no size (in `/proc`) are read all the same.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { readFile, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/greeting`;
 *   yield* writeFile(path, "grüß");
 *   console.log(yield* readFile(path, "utf8")); // prints: grüß
 *   console.log((yield* readFile(path)).length); // prints: 6
 * });
 * ```
 */
export function readFile(
  path: Path,
  encoding: BufferEncoding | (ReadFileOptions & { readonly encoding: BufferEncoding }),
): Coroutine<string>;
export function readFile(
  path: Path,
  options?: ReadFileOptions & { readonly encoding?: undefined },
): Coroutine<Uint8Array>;
export function* readFile(path: Path, options: BufferEncoding | ReadFileOptions = {}): Coroutine<string | Uint8Array> {
  const { encoding, max = Infinity } = typeof options === "string" ? { encoding: options } : options;
  if (encoding !== undefined && !Buffer.isEncoding(encoding))
    throw new TypeError(`no such encoding: ${String(encoding)}`);
  const file = yield* open(path, "r");
  try {
    const bytes = yield* everything(file, max);
    if (encoding === undefined) return bytes;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);
  } finally {
    yield* cleanup(file.close());
  }
}

function* everything(file: File, max: number): Coroutine<Uint8Array> {
  const { size } = yield* file.stat();
  if (size > max) throw tooLong(file, max);
  const pieces: Uint8Array[] = [];
  let length = 0;
  // One byte more than there should be: then the end is found with the last read and not by one more.
  let piece = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(size + 1, 2 ** 30)).buffer);
  let filled = 0;
  for (;;) {
    const count = yield* file.readInto(filled === 0 ? piece : piece.subarray(filled));
    if (count === undefined) break;
    filled += count;
    length += count;
    if (length > max) throw tooLong(file, max);
    if (filled < piece.length) continue;
    pieces.push(piece);
    // It has no size, or has grown: what follows may be long.
    piece = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(PIECE, Math.min(length, 2 ** 26))).buffer);
    filled = 0;
  }
  const last = piece.subarray(0, filled);
  if (pieces.length === 0) return last;
  pieces.push(last);
  const all = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let at = 0;
  for (const one of pieces) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}

function tooLong(file: File, max: number): LimitError {
  return new LimitError(`${file.path} has more than the ${max} bytes that were allowed`, max);
}

/** How a file is written. */
export interface WriteFileOptions {
  /**
   * The permission bits: of a file that is made, before the umask (`0o666` by default); of one that is replaced, exactly (by
   * default those that it has).
   */
  readonly mode?: number | undefined;
  /** Whether readers see the old contents or the new ones and never a half; true by default. */
  readonly atomic?: boolean | undefined;
  /** Whether it is on the disk before this returns, so that it survives a loss of power; true by default. */
  readonly sync?: boolean | undefined;
}

/** What a whole file can be made of. */
export type Contents = FileData | Flow<Uint8Array | string>;

/**
 * Writes a whole file, in place of what it held. Others see the old contents or the new ones, and never a half, also when
 * this process or the machine dies: it is written beside the file, synced, and moved over it in one step. The mode of the
 * file stays (its owner too, where this user may), and a symbolic link stays a link. Throws `FileError`; on an error or a
 * cancellation the file is as it was, and nothing is left beside it. A switch point.
 *
 * What nothing can be moved over (a device, a FIFO) is written to in place. The other names of a file with hard links keep
 * the old contents. Where no file can be made in the directory, `{ atomic: false }` writes into the file.
 *
 * @example
 * ```ts
 * import { Flow, run } from "rondo";
 * import { FileError, readFile, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/state.json`;
 *   yield* writeFile(path, JSON.stringify({ done: 1 }));
 *   yield* writeFile(path, Flow.from(["[", "1", "]"]));
 *   console.log(yield* readFile(path, "utf8")); // prints: [1]
 *   try {
 *     yield* writeFile("/dev/full", "x");
 *   } catch (error) {
 *     console.log((error as FileError).code); // prints: ENOSPC
 *   }
 * });
 * ```
 */
export function* writeFile(path: Path, contents: Contents, options: WriteFileOptions = {}): Coroutine<void> {
  const { atomic = true, sync = true, mode } = options;
  if (!atomic) {
    yield* filled(yield* open(path, "w", { mode }), contents, sync);
    return;
  }
  yield* replacing(
    path,
    function* ({ path: place, old, beside }) {
      if (!beside) {
        // Devices and FIFOs cannot be synced.
        yield* filled(yield* open(place, "w"), contents, false);
        return;
      }
      // Nobody else may read it before it has the mode that it is to have.
      const file = yield* openFile(place, "wx", old === undefined ? (mode ?? 0o666) : 0o600, true);
      const like = old === undefined ? undefined : { ...old, mode: mode ?? old.mode };
      yield* filled(file, contents, sync, () => (like === undefined ? undefined : likeBefore(file.fd, place, like)));
    },
    sync,
  );
}

/** Writes everything to a file and closes it, whatever happens. */
function* filled(
  file: File,
  contents: Contents,
  sync: boolean,
  before: () => Operation<void> | undefined = () => undefined,
): Coroutine<void> {
  try {
    const first = before();
    if (first !== undefined) yield* first;
    if (contents instanceof Flow) yield* contents.forEach((data) => file.write(data));
    else yield* file.write(contents);
    if (sync) yield* file.sync();
  } finally {
    yield* cleanup(file.close());
  }
}

/**
 * Adds to the end of a file, which is made if it is not there. What several processes add at once does not overwrite each
 * other, and one write of up to a few KiB stays in one piece. Throws `FileError`. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { appendFile, readFile, temporaryDir } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/log`;
 *   for (const line of ["one\n", "two\n"]) yield* appendFile(path, line);
 *   console.log((yield* readFile(path, "utf8")).split("\n").length); // prints: 3
 * });
 * ```
 */
export function* appendFile(
  path: Path,
  contents: Contents,
  options: { readonly mode?: number | undefined; readonly sync?: boolean | undefined } = {},
): Coroutine<void> {
  yield* filled(yield* open(path, "a", { mode: options.mode }), contents, options.sync ?? false);
}

/**
 * Copies a file with its mode; what is at `to` is replaced in one step, as by {@link writeFile}, or with `overwrite: false` is an
 * error (`EEXIST`). The copy shares its blocks with the original where the file system can do that. Throws `FileError`;
 * on an error or a cancellation `to` is as it was. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { copyFile, readFile, temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* writeFile(`${dir}/a`, "contents");
 *   yield* copyFile(`${dir}/a`, `${dir}/b`);
 *   console.log(yield* readFile(`${dir}/b`, "utf8")); // prints: contents
 * });
 * ```
 */
export function* copyFile(
  from: Path,
  to: Path,
  options: { readonly overwrite?: boolean | undefined; readonly sync?: boolean | undefined } = {},
): Coroutine<void> {
  const { overwrite = true, sync = true } = options;
  const source = shownPath(from);
  yield* replacing(
    to,
    function* ({ path: place, beside }) {
      const { size } = yield* stat(source);
      // What has no size (in /proc), and what cannot be replaced, is copied piece by piece; the rest by the system.
      if (size > 0 && beside) yield* copied(source, place, sync);
      else yield* poured(source, place, beside, sync);
    },
    sync,
    !overwrite,
  );
}

function* copied(source: string, place: string, sync: boolean): Coroutine<void> {
  yield* fileCall<void>({
    operation: "copyFile",
    path: source,
    destination: place,
    begin: (done) =>
      fs.copyFile(source, place, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE, (error) => done(error)),
    // A long copy is left. It may have made its file when there was nothing to remove yet.
    late: () => fs.unlink(place, () => {}),
  });
  if (!sync) return;
  const file = yield* open(place, "r");
  try {
    yield* file.sync();
  } finally {
    yield* cleanup(file.close());
  }
}

function* poured(from: string, place: string, beside: boolean, sync: boolean): Coroutine<void> {
  const source = yield* open(from, "r");
  try {
    const { mode } = yield* source.stat();
    const file = yield* openFile(place, beside ? "wx" : "w", mode, beside);
    try {
      for (let bytes = yield* source.read(PIECE); bytes !== undefined; bytes = yield* source.read(PIECE))
        yield* file.write(bytes);
      if (beside && sync) yield* file.sync();
    } finally {
      yield* cleanup(file.close());
    }
  } finally {
    yield* cleanup(source.close());
  }
}
