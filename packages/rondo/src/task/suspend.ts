/**
 * The primitive for waits of your own: everything outside the runtime that calls back goes through here.
 */
import { defineKind, grant, PARKED, refuse, Wait, type Waiter } from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { loopOf } from "../loop/sleep.ts";

/** Withdraws: `false` when it is too late, and the result will come through `wake` or `fail`. */
export type Abort = () => boolean | void;

const SUSPEND = defineKind({
  label: "suspend",
  begin(wait) {
    const loop = loopOf(wait);
    const begin = wait.on as (wake: (value: unknown) => void, fail: (error: unknown) => void) => Abort | void;
    // Settled at most once; what comes later, or after a withdrawal, comes too late and is dropped.
    let open = true;
    const settle = (): boolean => {
      if (!open || wait.state !== PARKED) return false;
      open = false;
      loop.outside--;
      return true;
    };
    loop.outside++;
    try {
      const abort = begin(
        (value) => {
          if (settle()) grant(wait, value);
        },
        (error) => {
          if (settle()) refuse(wait, error);
        },
      );
      wait.value = open ? abort : wait.value;
    } catch (error) {
      if (settle()) throw error;
      loop.report({
        kind: "host",
        message: `the function given to suspend("${wait.label}") threw after it had woken its task`,
        error,
      });
    }
  },
  abort(wait) {
    const abort = wait.value as Abort | void;
    const loop = (wait.waiter as Waiter).loop as Loop;
    let withdrawn = true;
    try {
      // A function that gives no abort cannot be stopped, only left.
      withdrawn = abort === undefined || abort() !== false;
      // Asked once: a second region that is cancelled must not ask again.
      if (!withdrawn && wait.state === PARKED) wait.value = tooLate;
    } finally {
      // It may have woken its task while it withdrew: then the result stands.
      if (wait.state !== PARKED) withdrawn = false;
      else if (withdrawn) loop.outside--;
    }
    return withdrawn;
  },
  labelOf: (wait) => String(wait.arg),
});

const tooLate = (): false => false;

/**
 * Waits until somebody outside calls `wake(value)` or `fail(error)`; the first call counts. The function you give is
 * called when the wait begins, and gives back how to withdraw: that is called at most once, and answers `false` when it
 * is too late, in which case the result is waited for. `label` is what `task.waitingFor` shows. A switch point, always.
 *
 * The idea is trio's `wait_task_rescheduled`.
 *
 * @example
 * ```ts
 * import { run, suspend } from "rondo";
 *
 * const value = await run(() =>
 *   suspend<string>((wake) => {
 *     const timer = setTimeout(() => wake("rang"), 1);
 *     return () => {
 *       clearTimeout(timer);
 *       return true;
 *     };
 *   }, "bell"),
 * );
 * console.log(value); // prints: rang
 * ```
 */
export function suspend<T = void>(
  begin: (wake: (value: T) => void, fail: (error: unknown) => void) => Abort | void,
  label: string = "suspend",
): Wait<T> {
  if (typeof begin !== "function") throw new TypeError("suspend() takes a function (wake, fail) => abort");
  return new Wait<T>(SUSPEND, begin, label);
}
