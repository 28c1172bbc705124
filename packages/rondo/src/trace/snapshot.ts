/**
 * The snapshot: everything that runs, as it stands now. For every task: what it waits for, since when, on which line,
 * and who holds it; for every region its deadline and whether it is cancelled.
 *
 * Nothing is kept for it while the program runs. The tree is what the kernel works with anyway, and the lines come from
 * probing each task (see coroutine/stack.ts), so a snapshot costs something only when it is made: a few µs a task.
 */
import { BODY, JOINING, type Segment, UNWINDING } from "../coroutine/segment.ts";
import { formatFrame } from "../coroutine/stack.ts";
import type { Wait } from "../coroutine/wait.ts";
import { type Loop, loops } from "../loop/loop.ts";
import type { Cancellation } from "../task/cancellation.ts";
import { GroupSegment } from "../task/group.ts";
import { ScopeSegment } from "../task/scope.ts";
import type { Held, Task, TaskState } from "../task/task.ts";
import { blockersOf } from "../task/tree.ts";
import { formatSnapshot } from "./format.ts";

/** A task, by its number and its name. */
export interface TaskName {
  readonly id: number;
  readonly name: string;
}

/** Why and when something was cancelled. */
export interface CancellationSnapshot {
  /** The reason as text, where one was given. */
  readonly reason?: string;
  /** Whether its time was over. */
  readonly timedOut: boolean;
  /** When, in ms of the loop's clock. */
  readonly at: number;
  /** The lines that called `cancel()`, where a person did. */
  readonly origin?: string;
}

/** A region of a task: a scope, a group, a timeout, … */
export interface RegionSnapshot {
  /** `scope`, `timeout`, `moveOnAfter`, `deadline`, `shield`, `cleanup`, `group`, `call`, `local`, or `base` for the whole task. */
  readonly kind: string;
  readonly name?: string;
  /** When its time is over, in ms of the loop's clock. */
  readonly deadline?: number;
  readonly shielded: boolean;
  readonly cancelled?: CancellationSnapshot;
  /** What it does: its body runs, or is being unwound, or it waits for its tasks, or runs what was deferred. */
  readonly phase: "body" | "unwinding" | "joining" | "deferring";
  /** The tasks of a group that have not ended, in the order of their spawning. */
  readonly tasks?: readonly TaskSnapshot[];
}

/** A task that has not ended. */
export interface TaskSnapshot extends TaskName {
  readonly state: TaskState;
  readonly daemon: boolean;
  readonly cancelled?: CancellationSnapshot;
  /** What it waits for: `sleep`, `lock`, … */
  readonly waitingFor?: string;
  /** Since when, in whole ms of the loop's clock. */
  readonly since?: number;
  /** The name of what it waits for, where it has one. */
  readonly on?: string;
  /** The tasks that would have to do something first: who holds the lock, who is to end. */
  readonly blockedBy: readonly TaskName[];
  /** The locks that it holds. */
  readonly holds: readonly string[];
  /** The lines on which it stands, innermost first: `name (file:line:column)`. */
  readonly stack: readonly string[];
  /** The regions that it has open, outermost first. */
  readonly regions: readonly RegionSnapshot[];
}

/** A loop, with its main task. */
export interface LoopSnapshot {
  /** The loop's clock, in ms. */
  readonly now: number;
  /** Tasks that have not ended. */
  readonly live: number;
  /** Tasks that are ready to run. */
  readonly ready: number;
  /** Waits that only the world outside can end. */
  readonly outside: number;
  /** Timers that are set, and when the first one fires, in ms of the loop's clock. */
  readonly timers: number;
  readonly nextTimer?: number;
  readonly turns: number;
  readonly steps: number;
  readonly main?: TaskSnapshot;
  /** Circles of tasks in which each waits for the next, though others may go on. */
  readonly cycles: readonly (readonly TaskName[])[];
}

/** Everything that runs. Plain data: it can be sent as JSON. Node prints it as a tree. */
export interface Snapshot {
  readonly loops: readonly LoopSnapshot[];
}

/** How much a snapshot is to tell. */
export interface SnapshotOptions {
  /** Whether tasks are probed for their lines, which is most of the cost; they are where nothing is said. */
  readonly stacks?: boolean | undefined;
  /** One loop only. */
  readonly loop?: Loop | undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Takes a picture of every loop that runs: its tasks as a tree of groups and scopes, what each waits for, since when, on
 * which lines, and who holds it up. Works in a task and outside of all. Not a switch point; no user code runs.
 *
 * The result is plain data, for `JSON.stringify`; `formatSnapshot` and `console.log` make it a tree to read. The ideas are
 * curio's monitor and `asyncio`'s `pstree`.
 *
 * @example
 * ```ts
 * import { group, Lock, run, sleep, snapshot, VirtualHost } from "rondo";
 *
 * const lock = new Lock({ name: "account" });
 * function* holder() {
 *   yield* lock.with(sleep(100));
 * }
 * function* waiter() {
 *   yield* lock.acquire();
 *   lock.release();
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       g.spawn(holder, { name: "holder" });
 *       g.spawn(waiter, { name: "waiter" });
 *       yield* sleep(1);
 *       const tasks = snapshot().loops[0]?.main?.regions[0]?.tasks ?? [];
 *       for (const task of tasks) console.log(task.name, task.waitingFor, task.on, task.blockedBy.map((by) => by.name));
 *       // prints: holder sleep undefined []
 *       // prints: waiter lock account [ 'holder' ]
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function snapshot(options: SnapshotOptions = {}): Snapshot {
  const taken: Snapshot = {
    loops: [...loops]
      .filter((loop) => options.loop === undefined || loop === options.loop)
      .map((loop) => loopSnapshot(loop, options.stacks !== false)),
  };
  // Not enumerable, so that the data stays plain.
  Object.defineProperty(taken, Symbol.for("nodejs.util.inspect.custom"), { value: () => formatSnapshot(taken) });
  return taken;
}

function loopSnapshot(loop: Loop, stacks: boolean): LoopSnapshot {
  const { timers } = loop;
  const tasks: Task[] = [];
  const root = loop.root as Task | null;
  const main = root === null || root.over ? undefined : treeOf(root, stacks, tasks);
  return {
    now: loop.now(),
    live: loop.live,
    ready: loop.readyCount,
    outside: loop.outside,
    timers: timers.size,
    ...(timers.size === 0 ? {} : { nextTimer: timers.earliest }),
    turns: loop.turns,
    steps: loop.steps,
    ...(main === undefined ? {} : { main }),
    cycles: cyclesAmong(tasks),
  };
}

/** The tree below a task; every task in it is added to `tasks`. A list of work and no recursion: trees may be deep. */
function treeOf(root: Task, stacks: boolean, tasks: Task[]): TaskSnapshot {
  const first = taskSnapshot(root, stacks);
  const work: { task: Task; taken: Mutable<TaskSnapshot> }[] = [{ task: root, taken: first }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { task, taken } = next;
    tasks.push(task);
    const regions: RegionSnapshot[] = [];
    for (let seg = task.seg; seg !== null; seg = seg.parent) {
      const region: Mutable<RegionSnapshot> = regionSnapshot(seg);
      regions.push(region);
      if (!(seg instanceof GroupSegment)) continue;
      const children: TaskSnapshot[] = [];
      for (let child = seg.children; child !== null; child = child.siblingBehind) {
        const childTaken = taskSnapshot(child, stacks);
        children.push(childTaken);
        work.push({ task: child, taken: childTaken });
      }
      region.tasks = children;
    }
    taken.regions = regions.reverse();
  }
  return first;
}

function taskSnapshot(task: Task, stacks: boolean): TaskSnapshot {
  const waiting = task.state === "waiting";
  const wait = task.wait as Wait;
  const on: unknown = waiting ? (wait.on as { name?: unknown } | null)?.name : undefined;
  return {
    ...nameOf(task),
    state: task.state,
    daemon: task.daemon,
    ...cancelledOf(task.cancellation),
    ...(waiting ? { waitingFor: wait.label, since: wait.since } : {}),
    ...(typeof on === "string" && on !== "" && !wait.label.endsWith(on) ? { on } : {}),
    blockedBy: blockersOf(task).map(nameOf),
    holds: heldBy(task),
    stack: stacks ? linesOf(task) : [],
    regions: [],
  };
}

/** The frames of the kernel that drive a running task. */
const DRIVING = /^(?:Task|Fiber)\.(?:step|stepRarely|drive)$/;

/** The lines of the program itself: of the task that runs now, what lies between the kernel and this file. */
function linesOf(task: Task): string[] {
  let frames = task.stack();
  if (task.state === "running") {
    const end = frames.findIndex(({ name }) => DRIVING.test(name));
    frames = frames.slice(frames.findLastIndex(({ name }) => name === "snapshot") + 1, end === -1 ? undefined : end);
  }
  return frames.map(formatFrame);
}

function nameOf(task: Task): TaskName {
  return { id: task.id, name: task.name };
}

function heldBy(task: Task): string[] {
  const names: string[] = [];
  for (let held: Held | null = task.held; held !== null; held = held.heldBehind) {
    // The lock itself, or one task's hold on it.
    const { name } = (held as { lock?: { name?: unknown } }).lock ?? (held as { name?: unknown });
    names.push(typeof name === "string" && name !== "" ? name : "a lock without a name");
  }
  return names;
}

const KINDS = ["base", "scope", "timeout", "moveOnAfter", "deadline", "shield", "cleanup", "group"];

function regionSnapshot(seg: Segment): RegionSnapshot {
  const scope = seg instanceof ScopeSegment ? seg : undefined;
  const kind = seg.wait === null ? "base" : scope === undefined ? seg.wait.kind.label : (KINDS[scope.mode] as string);
  return {
    kind,
    ...(scope === undefined || scope.name === kind ? {} : { name: scope.name }),
    ...(scope === undefined || scope.deadline === Infinity ? {} : { deadline: scope.deadline }),
    shielded: seg.shielded,
    ...cancelledOf(seg.cancellation as Cancellation | null),
    phase: phaseOf(seg.phase),
  };
}

function phaseOf(phase: number): RegionSnapshot["phase"] {
  switch (phase) {
    case BODY:
      return "body";
    case UNWINDING:
      return "unwinding";
    case JOINING:
      return "joining";
    default:
      return "deferring";
  }
}

function cancelledOf(cancellation: Cancellation | null): { cancelled?: CancellationSnapshot } {
  if (cancellation === null) return {};
  const { reason, origin, at, timedOut } = cancellation;
  return {
    cancelled: {
      ...(reason === undefined ? {} : { reason: String(reason) }),
      timedOut,
      at,
      ...(origin === undefined ? {} : { origin }),
    },
  };
}

/** Every circle among `tasks` that shares no task with another one found. */
function cyclesAmong(tasks: readonly Task[]): TaskName[][] {
  const cycles: TaskName[][] = [];
  const seen = new Set<Task>();
  for (const first of tasks) {
    // Depth first, with the path in hand; by hand, because chains of tasks may be longer than the engine's stack.
    const path: { task: Task; next: Task[] }[] = [];
    const place = new Map<Task, number>();
    const enter = (task: Task): void => {
      seen.add(task);
      place.set(task, path.length);
      path.push({ task, next: blockersOf(task) });
    };
    if (!seen.has(first)) enter(first);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.next.pop();
      if (next === undefined) {
        path.pop();
        place.delete(top.task);
      } else if (place.has(next)) cycles.push(path.slice(place.get(next)).map((step) => nameOf(step.task)));
      else if (!seen.has(next)) enter(next);
    }
  }
  return cycles;
}
