/**
 * What a task can ask about where it stands: its deadline, why it is being cancelled, whether it is asked to stop.
 */
import { RETURNING } from "../coroutine/fiber.ts";
import { kernel } from "../coroutine/kernel.ts";
import { BODY, type Segment } from "../coroutine/segment.ts";
import { defineKind, sharedWait, type Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { currentLoop } from "../loop/sleep.ts";
import type { Cancellation } from "./cancellation.ts";
import { type Group, groupAround, isStoppingIn, nearestGroup } from "./group.ts";
import type { ScopeSegment } from "./scope.ts";
import type { Task } from "./task.ts";

function currentTask(what: string): Task {
  currentLoop(what);
  return kernel.current as Task;
}

/** Every region around the running code, innermost first, up to a shield if `visible`. */
function* regions(task: Task, visible: boolean): Generator<Segment | Task, void, undefined> {
  let from: Segment | null = (task.bits & RETURNING) === 0 ? task.seg : task.returningBase();
  for (let at: Task | null = task; at !== null;) {
    for (let seg: Segment | null = from; seg !== null; seg = seg.parent) {
      if (visible && seg.phase !== BODY) return;
      yield seg;
      if (visible && seg.shielded) return;
    }
    yield at;
    const group: Task["group"] = at.group;
    if (group === null) return;
    yield group;
    if (visible && group.shielded) return;
    at = group.fiber as Task;
    from = group.parent;
  }
}

/**
 * The earliest deadline that can be met here, in ms of `now()`: Infinity where there is none, -Infinity where a
 * cancellation is pending already. Shields hide those further out. Not a switch point.
 *
 * @example
 * ```ts
 * import { effectiveDeadline, now, run, timeout, VirtualHost } from "rondo";
 *
 * await run(
 *   () =>
 *     timeout(100, () =>
 *       timeout(5000, function* () {
 *         console.log(effectiveDeadline() - now()); // prints: 100
 *       }),
 *     ),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function effectiveDeadline(): number {
  let earliest = Infinity;
  for (const region of regions(currentTask("effectiveDeadline()"), true)) {
    if (region.cancellation !== null) return -Infinity;
    const until = (region as Partial<ScopeSegment>).deadline;
    if (until !== undefined && until < earliest) earliest = until;
  }
  return earliest;
}

/**
 * Why the code that runs is being cancelled: the reason given to the outermost `cancel()` around it, a
 * `CancelledError`-like reason of the runtime for its own, undefined where nothing is cancelled. For cleanup that wants
 * to know. Not a switch point.
 *
 * @example
 * ```ts
 * import { cancelReason, group, run, sleep } from "rondo";
 *
 * function* worker() {
 *   try {
 *     yield* sleep(1000);
 *   } finally {
 *     console.log(cancelReason()); // prints: shutting down
 *   }
 * }
 * await run(() =>
 *   group(function* (g) {
 *     const task = g.spawn(worker());
 *     yield* sleep(1);
 *     task.cancel("shutting down");
 *   }),
 * );
 * ```
 */
export function cancelReason(): unknown {
  let found: Cancellation | null = null;
  for (const region of regions(currentTask("cancelReason()"), false)) {
    if (region.cancellation !== null) found = region.cancellation as Cancellation;
  }
  if (found === null) return undefined;
  return found.reason ?? (found.timedOut ? "its time was over" : "cancelled");
}

const STOPPING = defineKind({
  label: "stopping",
  poll: () => isStoppingIn(kernel.current as Task),
  begin(wait) {
    const group = nearestGroup(wait.on === null ? (kernel.current as Task) : (wait.on as Task));
    // A task in no group is never asked to stop.
    (group?.stoppers ?? nobody).push(wait);
  },
});
const nobody = new WaitQueue();
const STOPPING_WAIT = sharedWait<void>(STOPPING, null);

/**
 * Waits until the group around is asked to stop by `g.stop()`. For `select`, so that a loop ends between two items. A
 * switch point unless it is stopping already.
 *
 * @example
 * ```ts
 * import { Channel, group, run, select, sleep, stopping, VirtualHost } from "rondo";
 *
 * const jobs = new Channel<string>(0);
 * function* worker() {
 *   for (;;) {
 *     const next = yield* select({ stop: stopping(), job: jobs.receive() });
 *     if (next.key === "stop") return console.log("stopped between two jobs");
 *     console.log(next.value);
 *   }
 * }
 * await run(
 *   () =>
 *     group(function* (g) {
 *       g.spawn(worker());
 *       yield* jobs.send("job"); // prints: job
 *       yield* sleep(1);
 *       g.stop({ within: 1000 }); // prints: stopped between two jobs
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function stopping(): Wait<void> {
  return STOPPING_WAIT;
}

/**
 * Whether the group around has been asked to stop by `g.stop()`. Not a switch point.
 *
 * @example
 * ```ts
 * import { group, isStopping, run, sleep } from "rondo";
 *
 * await run(() =>
 *   group(function* (g) {
 *     g.spawn(function* () {
 *       while (!isStopping()) yield* sleep(1);
 *       console.log("stopped"); // prints: stopped
 *     });
 *     yield* sleep(5);
 *     g.stop();
 *   }),
 * );
 * ```
 */
export function isStopping(): boolean {
  return isStoppingIn(currentTask("isStopping()"));
}

/**
 * The group around the code that runs: the innermost one that is open, or the one of the main task. For what goes on beside
 * its maker, as a server does, without being handed a group. Whoever waits for the end of the group waits for it as well. Not
 * a switch point.
 *
 * @example
 * ```ts
 * import { currentGroup, group, run, sleep, VirtualHost } from "rondo";
 *
 * function reminder(ms: number) {
 *   return currentGroup().spawn(function* () {
 *     yield* sleep(ms);
 *     console.log("time is up"); // prints: time is up
 *   });
 * }
 * await run(
 *   () =>
 *     group(function* () {
 *       reminder(1000);
 *     }),
 *   { host: new VirtualHost() },
 * );
 * ```
 */
export function currentGroup(): Group {
  return groupAround(currentTask("currentGroup()"));
}
