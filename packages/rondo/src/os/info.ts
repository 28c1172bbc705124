/** What the file system knows about a file. */
import type { Dirent, Stats } from "node:fs";

/** What something in a directory is. */
export type FileKind = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block" | "unknown";

/** What `stat` gives. Times are in ms since 1970. */
export interface FileInfo {
  readonly kind: FileKind;
  /** In bytes. */
  readonly size: number;
  /** The permission bits, as in `0o644`. */
  readonly mode: number;
  /** When its contents were last written. */
  readonly modified: number;
  /** When it was last changed in any way, also its name or mode. */
  readonly changed: number;
  readonly accessed: number;
  readonly created: number;
  /** `device` and `inode` together are the identity of a file: two paths with the same are the same file. */
  readonly device: number;
  readonly inode: number;
  /** How many names it has. */
  readonly links: number;
  readonly user: number;
  readonly group: number;
}

export function kindOf(entry: Stats | Dirent): FileKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  if (entry.isSymbolicLink()) return "symlink";
  if (entry.isFIFO()) return "fifo";
  if (entry.isSocket()) return "socket";
  if (entry.isCharacterDevice()) return "character";
  return entry.isBlockDevice() ? "block" : "unknown";
}

export function infoOf(stats: Stats): FileInfo {
  return {
    kind: kindOf(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    modified: stats.mtimeMs,
    changed: stats.ctimeMs,
    accessed: stats.atimeMs,
    created: stats.birthtimeMs,
    device: stats.dev,
    inode: stats.ino,
    links: stats.nlink,
    user: stats.uid,
    group: stats.gid,
  };
}
