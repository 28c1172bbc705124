/**
 * A stream in the hands of somebody who knows no coroutines: a Node stream or a web stream that is made of a `ByteStream` asks
 * for one read and one write at a time, by a callback.
 *
 * The work is done by tasks, which belong where the bridge was made: in the group around, which ends it with itself, or,
 * made outside of tasks, on a loop of its own. While it is open, somebody outside may ask for something at any time, so
 * the loop is not taken for deadlocked.
 */
import { toPromise } from "../combine/to-promise.ts";
import { ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { group, type Group, groupAround } from "../task/group.ts";
import { suspend } from "../task/suspend.ts";
import type { Task } from "../task/task.ts";

type Done<T> = (error: unknown, value: T | undefined) => void;

export class Bridge {
  private readonly name: string;
  /** The group of the bridge is gone: whoever stands on the other side has to be told. */
  private readonly lost: (error: Error) => void;
  private g: Group | null = null;
  /** What was asked for before the group was there. */
  private early: ((g: Group) => void)[] = [];
  private over = false;
  private wake: (() => void) | null = null;

  constructor(name: string, lost: (error: Error) => void) {
    this.name = name;
    this.lost = lost;
    const task = kernel.current as Task | null;
    const body = (): Operation<void> => this.stand();
    if (task?.loop === undefined) {
      // What goes wrong here has been told to whoever stands on the other side.
      toPromise(body, { name, signal: new AbortController().signal }).catch(() => {});
    } else groupAround(task).spawn(body, { name, daemon: true });
  }

  /** Runs an operation and calls back with what it gives or throws. */
  call<T>(make: () => Operation<T>, done: Done<T>): void {
    if (this.over) {
      done(this.gone(), undefined);
      return;
    }
    const begin = (g: Group): void => {
      g.spawn(() => perform(make, done, () => this.gone()), { name: this.name });
    };
    if (this.g === null) this.early.push(begin);
    else begin(this.g);
  }

  /** Nothing more will be asked for: what is under way is finished, and the tasks end. */
  end(): void {
    this.over = true;
    this.wake?.();
  }

  private gone(): ClosedError {
    return new ClosedError(`${this.name} was cancelled, together with the group to which it belongs`);
  }

  private *stand(): Coroutine<void> {
    let well = false;
    try {
      yield* group((g) => this.open(g), { name: this.name });
      well = true;
    } finally {
      const told = this.over && well;
      this.over = true;
      this.g = null;
      if (!told) this.lost(this.gone());
    }
  }

  private *open(g: Group): Coroutine<void> {
    this.g = g;
    const { early } = this;
    this.early = [];
    for (const begin of early) begin(g);
    if (this.over) return;
    yield* suspend<void>((wake) => {
      this.wake = wake;
      return () => {
        this.wake = null;
      };
    }, "to be asked");
  }
}

function* perform<T>(make: () => Operation<T>, done: Done<T>, gone: () => Error): Coroutine<void> {
  let error: unknown;
  let value: T | undefined;
  let ended = false;
  try {
    value = yield* make();
    ended = true;
  } catch (thrown) {
    error = thrown ?? new Error(`${String(thrown)} was thrown`);
    ended = true;
  } finally {
    done(ended ? error : gone(), value);
  }
}
