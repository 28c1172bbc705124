/**
 * Files as answers: with their type, in parts where parts are asked for, and not at all where the client has them already.
 *
 * A file is looked at first (one `stat`), so that most of what is asked for again costs nothing more. What is sent is read
 * piece by piece as the client takes it, by a task that closes the file whatever happens. Should the file have been changed
 * between the look and the reading, the answer is broken off: never is a half of one version sent as part of another.
 */
import { type Coroutine, type Emit, Flow } from "rondo";
import { type File, FileError, type FileInfo, open, realPath, stat } from "rondo/os";
import mime from "mime/lite";

import { httpDate, rangeHolds, type Version, weigh } from "./conditional.ts";
import { HttpError } from "./errors.ts";
import { type ByteRange, rangesOf } from "./range.ts";
import type { HttpRequest } from "./request.ts";
import { HttpResponse } from "./response.ts";

/** How a file is sent. */
export interface FileOptions {
  /** Its media type; of its name where nothing is said. */
  readonly type?: string | undefined;
  /** The value of `Cache-Control`; none where nothing is said, so that clients ask whether it has changed. */
  readonly cache?: string | undefined;
  /** Has the client save it under this name. */
  readonly download?: string | undefined;
}

/** Files up to this size are read at once and go out in one piece. */
const SMALL = 64 * 1024;
/** What is read at a time of larger ones. */
const PIECE = 256 * 1024;

/**
 * The file at `path`, as an answer to this request: 200 with all of it, 206 with the parts that were asked for, 304 where the
 * client has it, 412 or 416 where it asked for what there is not. Throws an `HttpError` 404 where there is no such file, and
 * 403 where it may not be read. The path is taken as it is: for what a client may name use {@link files}. A switch point.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { file, serveStream } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 * import { temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const path = `${yield* temporaryDir()}/hello.txt`;
 *   yield* writeFile(path, "hello, world");
 *   const [client, server] = memoryPair();
 *   yield* client.write("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=7-\r\nConnection: close\r\n\r\n");
 *   yield* serveStream(server, (request) => file(request, path));
 *   const lines = yield* client.lines().toArray();
 *   console.log(lines[0], lines.at(-1)); // prints: HTTP/1.1 206 Partial Content world
 * });
 * ```
 */
export function* file(request: HttpRequest, path: string, options: FileOptions = {}): Coroutine<HttpResponse> {
  const info = yield* lookAt(path);
  if (info.kind !== "file") throw new HttpError(404, `${path} is no file`);
  return yield* answer(request, path, info, options);
}

function* lookAt(path: string): Coroutine<FileInfo> {
  try {
    return yield* stat(path);
  } catch (error) {
    throw refused(error);
  }
}

/** Why a file cannot be had, as a status. */
function refused(error: unknown): unknown {
  if (!(error instanceof FileError)) return error;
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
    case "ELOOP":
      return new HttpError(404, "there is no such file", { cause: error });
    case "EACCES":
    case "EPERM":
      return new HttpError(403, "the file may not be read", { cause: error });
    default:
      return error;
  }
}

function* answer(request: HttpRequest, path: string, info: FileInfo, options: FileOptions): Coroutine<HttpResponse> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return new HttpResponse(null, { status: 405, headers: { allow: "GET, HEAD" } });
  const version: Version = { etag: etagOf(info), modified: info.modified };
  const fields: [string, string][] = [
    ["ETag", version.etag as string],
    ["Last-Modified", httpDate(info.modified)],
    ["Accept-Ranges", "bytes"],
  ];
  if (options.cache !== undefined) fields.push(["Cache-Control", options.cache]);
  switch (weigh(request.method, request.headers, version)) {
    case "not modified":
      return new HttpResponse(null, { status: 304, headers: fields });
    case "precondition failed":
      return new HttpResponse(null, { status: 412, headers: fields });
    case "go on":
  }
  if (options.download !== undefined) fields.push(["Content-Disposition", disposition(options.download)]);
  const type = options.type ?? typeOf(path);
  const { size } = info;
  const asked = request.method === "GET" ? request.headers.get("range") : undefined;
  const ranges = asked !== undefined && rangeHolds(request.headers, version) ? rangesOf(asked, size) : undefined;
  if (ranges === "unsatisfiable")
    return new HttpResponse(null, { status: 416, headers: [...fields, ["Content-Range", `bytes */${size}`]] });
  if (ranges === undefined) {
    return yield* send(
      request,
      path,
      info,
      { from: 0, to: size },
      { status: 200, fields: [...fields, ["Content-Type", type]] },
    );
  }
  if (ranges.length === 1) {
    const range = ranges[0] as ByteRange;
    const about: [string, string] = ["Content-Range", `bytes ${range.from}-${range.to - 1}/${size}`];
    return yield* send(request, path, info, range, { status: 206, fields: [...fields, ["Content-Type", type], about] });
  }
  return parts(path, info, ranges, type, fields);
}

interface Sending {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
}

function* send(
  request: HttpRequest,
  path: string,
  info: FileInfo,
  range: ByteRange,
  how: Sending,
): Coroutine<HttpResponse> {
  const length = range.to - range.from;
  const init = { status: how.status, headers: how.fields, length };
  if (request.method === "HEAD") return new HttpResponse(null, init);
  if (length > SMALL) return new HttpResponse(pieces(path, info, [range]), init);
  let opened: File;
  try {
    opened = yield* open(path);
  } catch (error) {
    throw refused(error);
  }
  try {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = yield* opened.readIntoAt(range.from + filled, bytes.subarray(filled));
      if (count === undefined) throw new HttpError(503, `${path} has become shorter while it was read`);
      filled += count;
    }
    return new HttpResponse(bytes, init);
  } finally {
    yield* opened.close();
  }
}

/** The bytes of these ranges, with `before(i)` in front of each, and `last` behind all. */
function pieces(
  path: string,
  info: FileInfo,
  ranges: readonly ByteRange[],
  before?: (index: number) => string,
  last = "",
): Flow<Uint8Array | string> {
  function* read(emit: Emit<Uint8Array | string>): Coroutine<void> {
    const opened = yield* open(path);
    try {
      const now = yield* opened.stat();
      if (etagOf(now) !== etagOf(info)) throw new Error(`${path} was changed while it was being sent`);
      for (let i = 0; i < ranges.length; i++) {
        const { from, to } = ranges[i] as ByteRange;
        if (before !== undefined) yield* emit(before(i));
        for (let at = from; at < to;) {
          const piece = yield* opened.readAt(at, Math.min(PIECE, to - at));
          if (piece === undefined) throw new Error(`${path} has become shorter while it was being sent`);
          at += piece.length;
          yield* emit(piece);
        }
      }
      if (last !== "") yield* emit(last);
    } finally {
      yield* opened.close();
    }
  }
  return Flow.from<Uint8Array | string>(read, { name: `file ${path}` });
}

/** Several parts in one answer (RFC 9110 section 14.6). */
function parts(
  path: string,
  info: FileInfo,
  ranges: readonly ByteRange[],
  type: string,
  fields: readonly [string, string][],
): HttpResponse {
  // It must not occur in the file; that the version's hash does, thirty-two digits in a row, is as likely as never.
  const boundary = `rondo-${info.size.toString(36)}-${Math.floor(info.modified).toString(36)}-${ranges.length}-${BOUNDARY}`;
  const before = (i: number): string => {
    const { from, to } = ranges[i] as ByteRange;
    return `${i === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: bytes ${from}-${to - 1}/${info.size}\r\n\r\n`;
  };
  const last = `\r\n--${boundary}--\r\n`;
  let length = last.length;
  ranges.forEach((range, i) => (length += before(i).length + range.to - range.from));
  return new HttpResponse(pieces(path, info, ranges, before, last), {
    status: 206,
    headers: [...fields, ["Content-Type", `multipart/byteranges; boundary=${boundary}`]],
    length,
  });
}

const BOUNDARY = "3d6b6a416f9e4b7fa5c1";

/** It changes when the size or the time of the last change does, as nginx has it; strong, so that parts may be put together. */
function etagOf(info: FileInfo): string {
  return `"${info.size.toString(16)}-${Math.round(info.modified * 1000).toString(16)}-${info.inode.toString(16)}"`;
}

/** The media type of a file by its name; text is said to be UTF-8. */
export function typeOf(path: string): string {
  const type = mime.getType(path) ?? "application/octet-stream";
  return /^text\/|^application\/(?:javascript|json|xml)$|\+xml$/.test(type) ? `${type}; charset=utf-8` : type;
}

/** RFC 6266: the name in ASCII for those who know no better, and in UTF-8. */
function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%/]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"` + (plain === name ? "" : `; filename*=UTF-8''${encoded}`);
}

/** What a folder shows of itself. */
export interface FilesOptions {
  /** What is shown for a folder; `index.html` where nothing is said, null for nothing. */
  readonly index?: string | null | undefined;
  /** Files and folders whose names begin with a dot: not shown where nothing is said. */
  readonly dotfiles?: boolean | undefined;
  /** What the path of a request begins with, and what is left out of it: `/static`. */
  readonly prefix?: string | undefined;
  readonly cache?: string | undefined;
}

/**
 * A handler for the files below `root`, named by the path of the request. Nothing outside of `root` is ever sent, by
 * whatever name: not by `..`, however it is encoded, and not by a link that leads out. Names that begin with a dot are
 * not there. Throws an `HttpError` 404 for what is not there.
 *
 * @example
 * ```ts
 * import { run } from "rondo";
 * import { files, serveStream } from "@rondo/http";
 * import { memoryPair } from "rondo/net";
 * import { temporaryDir, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const root = yield* temporaryDir();
 *   yield* writeFile(`${root}/index.html`, "<h1>hello</h1>");
 *   const [client, server] = memoryPair();
 *   yield* client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
 *   yield* serveStream(server, files(root));
 *   console.log((yield* client.lines().toArray()).at(-1)); // prints: <h1>hello</h1>
 * });
 * ```
 */
export function files(root: string, options: FilesOptions = {}): (request: HttpRequest) => Coroutine<HttpResponse> {
  const { index = "index.html", dotfiles = false, prefix = "", cache } = options;
  return function* serveFile(request: HttpRequest): Coroutine<HttpResponse> {
    const { path } = request;
    const inside = path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
    const names = inside === undefined ? undefined : namesOf(inside, dotfiles);
    if (names === undefined) throw new HttpError(404, "there is no such file");
    let wanted = [root, ...names].join("/");
    let info = yield* lookAt(wanted);
    if (info.kind === "directory") {
      if (index === null) throw new HttpError(404, "there is no such file");
      if (!path.endsWith("/")) {
        // Relative links in the page would lead elsewhere. Only the path is told, so it leads nowhere but here.
        const query = request.query === "" ? "" : `?${request.query}`;
        return new HttpResponse(null, { status: 308, headers: { location: `${path.replace(/^\/+/, "/")}/${query}` } });
      }
      wanted += `/${index}`;
      info = yield* lookAt(wanted);
    } else if (path.endsWith("/")) throw new HttpError(404, "there is no such file");
    if (info.kind !== "file") throw new HttpError(404, "there is no such file");
    const [top, real] = [yield* realPath(root), yield* realPath(wanted)];
    if (real !== top && !real.startsWith(top.endsWith("/") ? top : `${top}/`))
      throw new HttpError(404, "there is no such file");
    return yield* answer(request, real, info, { cache, type: typeOf(wanted) });
  };
}

/** The names that a path is made of; undefined for one that no file can have. */
function namesOf(path: string, dotfiles: boolean): string[] | undefined {
  const names: string[] = [];
  for (const part of path.split("/")) {
    let name: string;
    try {
      name = decodeURIComponent(part);
    } catch {
      return undefined; // `%` with no byte behind it, or bytes that are no UTF-8
    }
    if (name === "" || name === ".") continue;
    if (name === ".." || /[/\\\0]/.test(name) || (!dotfiles && name.startsWith("."))) return undefined;
    names.push(name);
  }
  return names;
}
