/**
 * The file of a Unix socket, which belongs to whoever made it, and not to whoever finds it under the same name.
 *
 * The layer below removes the name that it was bound to when the socket is closed, without a look at what stands there
 * meanwhile: the second of two servers would lose its file to the end of the first. So the socket is bound under a name of
 * its own beside the path and then linked to the path, which, other than renaming, fails where something is there already.
 * At the end the file goes only if it is still the one that was made.
 */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

/** How long the path of a socket may be, in bytes, with its final zero: 108 on Linux, 104 elsewhere. */
const LONGEST = process.platform === "linux" ? 107 : 103;

/** What `link` fails with where there are no links. */
const noLinks = new Set(["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"]);

export class UnixPath {
  readonly path: string;
  /** Where to bind to. */
  readonly temporary: string;
  private inode: bigint | null;
  private device: bigint;

  constructor(file: string) {
    this.path = file;
    this.temporary = path.join(path.dirname(file), `.${Math.random().toString(36).slice(2, 8)}`);
    this.inode = null;
    this.device = 0n;
    if (Buffer.byteLength(this.path) > LONGEST || Buffer.byteLength(this.temporary) > LONGEST) {
      throw new RangeError(
        `the path of a Unix socket may have ${LONGEST} bytes, and one beside it with a name of 7 bytes too: ${file}`,
      );
    }
  }

  /** Whether a path names a file: abstract sockets and the pipes of Windows do not. */
  static isFile(file: string): boolean {
    return process.platform !== "win32" && !file.startsWith("\0");
  }

  /** The socket listens: gives it its name. Throws what `link` throws, `EEXIST` where the name is taken. */
  claim(): void {
    const { ino, dev } = fs.lstatSync(this.temporary, { bigint: true });
    try {
      fs.linkSync(this.temporary, this.path);
    } catch (error) {
      if (!noLinks.has((error as NodeJS.ErrnoException).code ?? "") || fs.existsSync(this.path)) throw error;
      // A file system that knows no links: there a name can be taken from somebody who is just as fast.
      fs.renameSync(this.temporary, this.path);
    }
    this.inode = ino;
    this.device = dev;
    fs.rmSync(this.temporary, { force: true });
  }

  /**
   * Finds out whether a process listens where the name is taken. A socket that is not answered was left behind by a
   * process that ended without removing it; it is removed if `remove`, and true is told.
   */
  stale(remove: boolean, done: (stale: boolean) => void): void {
    const before = fs.lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (before?.isSocket() !== true) {
      done(false);
      return;
    }
    const socket = net.connect({ path: this.path });
    let refused = false;
    socket.once("connect", () => socket.destroy());
    socket.once("error", (error: NodeJS.ErrnoException) => {
      refused = error.code === "ECONNREFUSED";
    });
    socket.once("close", () => {
      const now = fs.lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
      if (refused && remove && now?.ino === before.ino && now.dev === before.dev) fs.rmSync(this.path, { force: true });
      done(refused);
    });
  }

  /** Removes the file, if it is still the one that was made. */
  release(): void {
    if (this.inode === null) return;
    const made = this.inode;
    this.inode = null;
    const found = fs.lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (found?.ino === made && found.dev === this.device) fs.rmSync(this.path, { force: true });
  }
}
