/** A snapshot as a tree that a person can read in a terminal. */
import type {
  CancellationSnapshot,
  LoopSnapshot,
  RegionSnapshot,
  Snapshot,
  TaskName,
  TaskSnapshot,
} from "./snapshot.ts";

/** How many lines of a task's stack are shown. */
const STACK_LINES = 4;

/**
 * A snapshot as text: a tree of tasks, with a line for what each waits for and the lines on which it stands.
 *
 * @example
 * ```ts
 * import { formatSnapshot, run, snapshot, VirtualHost } from "rondo";
 *
 * function* main() {
 *   const [first] = formatSnapshot(snapshot()).split("\n");
 *   console.log(first); // prints: loop at 0 ms: 1 task, 0 ready, 0 outside, no timers
 * }
 * await run(main, { host: new VirtualHost() });
 * ```
 */
export function formatSnapshot(snapshot: Snapshot): string {
  if (snapshot.loops.length === 0) return "no loop runs";
  return snapshot.loops.map(formatLoop).join("\n\n");
}

/** Deeper than this nothing is indented any further: no terminal is that wide, and the text would grow as the square. */
const INDENT = 40 * 3;

/** What is still to be written: one thing of the tree, with the rails that stand to the left of it. */
interface Branch {
  readonly what: TaskSnapshot | RegionSnapshot;
  readonly rails: string;
  readonly last: boolean;
}

function formatLoop(loop: LoopSnapshot): string {
  const lines = [headOf(loop)];
  // By hand and not by recursion: the tree may be deeper than the engine's stack.
  const work: Branch[] = loop.main === undefined ? [] : [{ what: loop.main, rails: "", last: true }];
  for (let branch = work.pop(); branch !== undefined; branch = work.pop()) {
    const { what, rails, last } = branch;
    const isTask = "id" in what;
    const inner = rails.length < INDENT ? rails + (last ? "   " : "│  ") : rails;
    lines.push(rails + (last ? "└─ " : "├─ ") + (isTask ? taskLine(what, loop) : regionLine(what, loop)));
    const below = isTask ? what.regions.filter(isWorthALine) : (what.tasks ?? []);
    if (isTask) lines.push(...stackLines(what, inner + (below.length === 0 ? "   " : "│  ")));
    for (let i = below.length - 1; i >= 0; i--) {
      work.push({ what: below[i] as TaskSnapshot | RegionSnapshot, rails: inner, last: i === below.length - 1 });
    }
  }
  for (const cycle of loop.cycles) {
    lines.push(`in a circle: ${[...cycle, cycle[0] as TaskName].map(quoted).join(" waits for ")}`);
  }
  return lines.join("\n");
}

function headOf(loop: LoopSnapshot): string {
  const timers =
    loop.nextTimer === undefined
      ? "no timers"
      : `${count(loop.timers, "timer")}, the next in ${ms(loop.nextTimer - loop.now)}`;
  return `loop at ${ms(loop.now)}: ${count(loop.live, "task")}, ${loop.ready} ready, ${loop.outside} outside, ${timers}`;
}

/** The whole of a task is the task's own line, unless tasks hang on it. */
function isWorthALine(region: RegionSnapshot): boolean {
  return region.kind !== "base" || (region.tasks !== undefined && region.tasks.length > 0);
}

function taskLine(task: TaskSnapshot, loop: LoopSnapshot): string {
  const parts = [`${quoted(task)} #${task.id}${task.daemon ? " (daemon)" : ""} ${whatItDoes(task, loop)}`];
  if (task.blockedBy.length === 1 && !task.waitingFor?.startsWith("task"))
    parts.push(`held up by ${quoted(task.blockedBy[0] as TaskName)}`);
  if (task.holds.length > 0) parts.push(`holds ${task.holds.map((name) => `"${name}"`).join(", ")}`);
  if (task.cancelled !== undefined) parts.push(cancelledText(task.cancelled));
  return parts.join(", ");
}

function whatItDoes(task: TaskSnapshot, loop: LoopSnapshot): string {
  if (task.waitingFor === undefined) return `is ${task.state}`;
  const on = task.on === undefined ? "" : ` "${task.on}"`;
  return `has waited ${ms(loop.now - (task.since ?? loop.now))} for ${task.waitingFor}${on}`;
}

function regionLine(region: RegionSnapshot, loop: LoopSnapshot): string {
  const parts = [region.name === undefined ? region.kind : `${region.kind} "${region.name}"`];
  if (region.deadline !== undefined) parts.push(`${ms(region.deadline - loop.now)} left`);
  if (region.shielded) parts.push("shielded");
  if (region.cancelled !== undefined) parts.push(cancelledText(region.cancelled));
  if (region.phase !== "body") parts.push(region.phase);
  return parts.join(", ");
}

function cancelledText({ reason, timedOut }: CancellationSnapshot): string {
  if (timedOut) return "cancelled: its time was over";
  return reason === undefined ? "cancelled" : `cancelled: ${reason}`;
}

function stackLines(task: TaskSnapshot, rails: string): string[] {
  const shown = task.stack.slice(0, STACK_LINES).map((line) => `${rails}at ${line}`);
  const more = task.stack.length - shown.length;
  return more === 0 ? shown : [...shown, `${rails}… and ${count(more, "more line")}`];
}

function quoted({ name }: TaskName): string {
  return `"${name}"`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function ms(time: number): string {
  return `${Math.round(time * 10) / 10} ms`;
}
