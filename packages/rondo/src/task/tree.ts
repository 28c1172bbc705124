/**
 * The tree of tasks, walked from the main task: for errors that list who waits for what, and for `snapshot()`.
 */
import { formatFrame } from "../coroutine/stack.ts";
import { PARKED, type Wait } from "../coroutine/wait.ts";
import { GroupSegment } from "./group.ts";
import type { Task } from "./task.ts";

/** Every unfinished task below and with `root`, parents first. */
export function tasksUnder(root: Task): Task[] {
  const found: Task[] = [root];
  for (let i = 0; i < found.length; i++) {
    for (const group of groupsOf(found[i] as Task)) {
      for (let child = group.children; child !== null; child = child.siblingBehind) found.push(child);
    }
  }
  return found;
}

/** The groups a task has open, outermost first. */
export function groupsOf(task: Task): GroupSegment[] {
  const groups: GroupSegment[] = [];
  for (let seg = task.seg; seg !== null; seg = seg.parent) if (seg instanceof GroupSegment) groups.unshift(seg);
  return groups;
}

/** Those who would have to do something before `task` can go on, as far as it can be known. */
export function blockersOf(task: Task): Task[] {
  const wait = task.wait;
  if (wait === null || wait.state !== PARKED) return [];
  const on = wait.on as { holder?: Task | null; outcome?: number; children?: Task | null } | null;
  if (on === null || typeof on !== "object") return [];
  // First, since a group has an outcome too.
  if (on.children !== undefined) {
    const children: Task[] = [];
    for (let child = on.children; child !== null; child = child.siblingBehind) children.push(child);
    return children;
  }
  if (on.outcome !== undefined) return [on as Task];
  return on.holder === undefined || on.holder === null ? [] : [on.holder];
}

/** One line for a task: what it waits for and where. */
export function describeTask(task: Task): string {
  const wait = task.wait as Wait;
  const what = task.state === "waiting" ? `waits for ${wait.label}${nameOf(wait.on)}` : `is ${task.state}`;
  const blockers = blockersOf(task);
  const holder = blockers.length === 1 && wait.on !== blockers[0] ? `, held by "${(blockers[0] as Task).name}"` : "";
  const frame = task.stack().find((one) => one.line !== undefined);
  return `"${task.name}" ${what}${holder}${frame === undefined ? "" : `, at ${formatFrame(frame)}`}`;
}

function nameOf(on: unknown): string {
  const name: unknown = (on as { name?: unknown } | null)?.name;
  return typeof name === "string" &&
    name !== "" &&
    (on as { outcome?: unknown }).outcome === undefined &&
    !(on instanceof GroupSegment)
    ? ` "${name}"`
    : "";
}

/** A circle of tasks each of which waits for the next, or undefined. */
export function findCycle(tasks: readonly Task[]): Task[] | undefined {
  const done = new Set<Task>();
  for (const first of tasks) {
    const path: Task[] = [];
    const onPath = new Set<Task>();
    // Depth first by hand: the tree may be deeper than the engine's stack.
    const stack: { task: Task; next: Task[] }[] = [{ task: first, next: blockersOf(first) }];
    if (done.has(first)) continue;
    path.push(first);
    onPath.add(first);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { task: Task; next: Task[] };
      const next = top.next.pop();
      if (next === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.task);
        done.add(top.task);
      } else if (onPath.has(next)) return path.slice(path.indexOf(next));
      else if (!done.has(next)) {
        stack.push({ task: next, next: blockersOf(next) });
        path.push(next);
        onPath.add(next);
      }
    }
  }
  return undefined;
}

/** More tasks than this are counted and not listed: nobody reads 100,000 lines. */
const MOST = 100;

/** The tree as lines. */
export function describeTree(root: Task): string {
  const tasks = tasksUnder(root).filter((task) => !task.over);
  const lines = tasks.slice(0, MOST).map((task) => `  ${describeTask(task)}`);
  if (tasks.length > MOST) lines.push(`  … and ${tasks.length - MOST} more`);
  return lines.join("\n");
}
