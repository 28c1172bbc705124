/**
 * A call of the file system as a wait.
 *
 * Such calls run on threads of their own and cannot be stopped once they have begun. What that means for a cancellation is
 * the one idea here, and there are two answers:
 *
 * - A call that only looks (`stat`, a read) is *left*: the task goes on at once, and what the call brings later is given
 *   back here (a descriptor that was opened late is closed).
 * - A call that changes something (`write`, `rename`, `unlink`) is waited for, because "cancelled" must mean "did not
 *   happen", and it is happening. Its result is delivered, and the cancellation meets the next wait.
 */
import type { NoParamCallback } from "node:fs";
import { fileURLToPath } from "node:url";

import { defineKind, grant, LateError, refuse, Wait } from "../coroutine/wait.ts";
import { forbidden } from "../loop/host.ts";
import { loopOf } from "../loop/sleep.ts";
import { fileError } from "./errors.ts";

/** A path, or a `file:` URL. */
export type Path = string | URL;

export type Done<T> = (error: Error | null, value?: T) => void;

/** What a call is, and what becomes of a result that nobody waits for any more. */
export interface FileCall<T> {
  readonly operation: string;
  readonly path: Path;
  readonly destination?: Path | undefined;
  /** Whether it changes something, and so is waited for when it is cancelled. */
  readonly changes?: boolean | undefined;
  readonly begin: (done: Done<T>) => void;
  /** Gets the result that comes when nobody waits any more. */
  readonly late?: ((value: T) => void) | undefined;
}

const FILE = defineKind({
  label: "file",
  begin(wait) {
    const call = wait.on as FileCall<unknown>;
    const loop = loopOf(wait);
    const refused = forbidden(loop.host, "file");
    if (refused !== undefined) throw refused;
    loop.outside++;
    try {
      call.begin((error, value) => {
        if (wait.arg === LEFT) {
          // An error that comes after nobody waits any more is of no interest to anybody.
          if (error === null || error === undefined) call.late?.(value);
          return;
        }
        loop.outside--;
        const mine = loop.enter();
        if (error === null || error === undefined) grant(wait, value);
        else refuse(wait, new LateError(() => explained(call, error)));
        if (mine) loop.leave();
      });
    } catch (error) {
      loop.outside--;
      throw explained(call, error);
    }
  },
  abort(wait) {
    if ((wait.on as FileCall<unknown>).changes === true) return false;
    wait.arg = LEFT;
    loopOf(wait).outside--;
    return true;
  },
  labelOf(wait) {
    const call = wait.on as FileCall<unknown>;
    return `${call.operation} ${shownPath(call.path)}`;
  },
});

const LEFT: unique symbol = Symbol("left") as never;

function explained(call: FileCall<unknown>, error: unknown): unknown {
  const { operation, path, destination } = call;
  return fileError(error, operation, shownPath(path), destination === undefined ? undefined : shownPath(destination));
}

export function shownPath(path: Path): string {
  if (typeof path === "string") return path;
  // Anything but a file is refused by the call itself, and shown as it is.
  return path instanceof URL && path.protocol === "file:" ? fileURLToPath(path) : String(path);
}

/** The call as a wait, to be given to `yield*` once. */
export function fileCall<T>(call: FileCall<T>): Wait<T> {
  return new Wait<T>(FILE, call, undefined);
}

/** A call that changes something and gives nothing. */
export function changing(operation: string, path: Path, begin: (done: NoParamCallback) => void): Wait<void> {
  return fileCall<void>({ operation, path, changes: true, begin: begin as (done: Done<void>) => void });
}
