/**
 * Being told when files change.
 *
 * The system counts nothing: it says that something has happened to a name, perhaps twice, perhaps late. So an event is a hint to
 * look, events for the same name that nobody has taken yet are one, and when there are too many of them to keep they become one
 * that says: look at everything.
 */
import * as fs from "node:fs";
import { join } from "node:path";

import { ClosedError } from "../coroutine/errors.ts";
import type { Operation } from "../coroutine/wait.ts";
import { Flow } from "../combine/flow.ts";
import { NOT_YET, type Source } from "../combine/flow-source.ts";
import { defer } from "../task/defer.ts";
import { suspend } from "../task/suspend.ts";
import { type Path, shownPath } from "./call.ts";
import { FileError, fileError } from "./errors.ts";

/** Something has happened to a file. */
export interface WatchEvent {
  /**
   * `changed`: its contents or attributes. `renamed`: the name has come, gone, or means another file now. `overflow`: so much has
   * happened that the names were not kept; look at everything.
   */
  readonly kind: "changed" | "renamed" | "overflow";
  /** What it happened to; for `overflow`, and where the system does not say, what is watched. */
  readonly path: string;
}

/** How is watched. */
export interface WatchOptions {
  /** All directories below too. */
  readonly recursive?: boolean | undefined;
  /** How many events are kept for whoever pulls; 10,000 by default. More become one `overflow`. */
  readonly max?: number | undefined;
}

class Watch implements Source<WatchEvent> {
  private readonly path: string;
  private readonly max: number;
  private readonly watcher: fs.FSWatcher;
  /** Events that nobody has taken, by kind and name, in the order of the first. */
  private readonly pending: Map<string, WatchEvent>;
  private wake: (() => void) | undefined;
  private error: unknown;
  private over: boolean;

  constructor(path: string, options: WatchOptions, isDirectory: boolean) {
    this.path = path;
    this.max = options.max ?? 10_000;
    this.pending = new Map();
    this.wake = undefined;
    this.error = undefined;
    this.over = false;
    this.watcher = fs.watch(path, { recursive: options.recursive === true }, (type, name) => {
      const where = name === null || !isDirectory ? path : join(path, name);
      this.happened({ kind: type === "rename" ? "renamed" : "changed", path: where });
    });
    this.watcher.on("error", (error) => {
      this.error ??= fileError(error, "watch", path);
      this.wake?.();
    });
  }

  private happened(event: WatchEvent): void {
    const { pending } = this;
    const key = `${event.kind} ${event.path}`;
    if (pending.has(key) || pending.has("overflow")) return;
    if (pending.size >= this.max) {
      pending.clear();
      pending.set("overflow", { kind: "overflow", path: this.path });
    } else pending.set(key, event);
    this.wake?.();
  }

  take(): WatchEvent | typeof NOT_YET {
    for (const [key, event] of this.pending) {
      this.pending.delete(key);
      return event;
    }
    if (this.error !== undefined) throw this.error;
    if (this.over) throw new ClosedError(`watching ${this.path} has ended with the scope in which it began`);
    return NOT_YET;
  }

  ready(): Operation<void> {
    return suspend<void>((wake) => {
      this.wake = wake;
      if (this.pending.size > 0 || this.error !== undefined || this.over) wake();
      return () => {
        this.wake = undefined;
      };
    }, `watch ${this.path}`);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.watcher.close();
    this.wake?.();
  }
}

/**
 * Watches a file, or a directory and what is in it (with `recursive` all below), from this call on until the end of the current
 * scope: a flow of hints that something has changed. Not a switch point; pulling is. Throws `FileError` at once where it cannot be
 * watched (`ENOENT`, or `ENOSPC` and `EMFILE` where the system watches as much as it may).
 *
 * What is told, and how often, is the system's business: on Linux inotify's, which knows nothing of other machines' changes to a
 * network file system. A file that is replaced (as {@link writeFile} does) is another file: watch its directory. To follow what is
 * added to a file use `tail`.
 *
 * @example
 * ```ts
 * import { run, scope } from "rondo";
 * import { temporaryDir, watch, writeFile } from "rondo/os";
 *
 * await run(function* () {
 *   const dir = yield* temporaryDir();
 *   yield* scope(function* () {
 *     const changes = watch(dir).filter(({ path }) => path.endsWith("/config"));
 *     yield* writeFile(`${dir}/config`, "new");
 *     console.log((yield* changes.next())?.kind); // prints: renamed
 *   });
 * });
 * ```
 */
export function watch(path: Path, options: WatchOptions = {}): Flow<WatchEvent> {
  const name = shownPath(path);
  let source: Watch;
  try {
    source = new Watch(name, options, fs.statSync(name).isDirectory());
  } catch (error) {
    const better = fileError(error, "watch", name);
    if (better instanceof FileError && better.code === "ENOSPC") {
      throw new FileError(
        { code: "ENOSPC", operation: "watch", path: name },
        "the system watches as many files as it may: see fs.inotify.max_user_watches",
        error,
      );
    }
    throw better;
  }
  const flow = new Flow(source, { name: `watch ${name}` });
  try {
    defer(() => source.close());
  } catch (error) {
    source.close();
    throw error;
  }
  return flow;
}
