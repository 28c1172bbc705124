/**
 * What is written down of each step when a run is to be told: who, on which node, at which line, and what it waits for now.
 */
import type { StackFrame } from "../coroutine/stack.ts";
import type { Task } from "../task/task.ts";
import type { Engine } from "./engine.ts";
import type { SimLoop } from "./loop.ts";

/** One step of one task. */
export interface StepRecord {
  /** From 0. */
  readonly index: number;
  /** In ms of the world's time. */
  readonly time: number;
  readonly node: string;
  readonly task: string;
  /** Counts the tasks of the run, from 1. */
  readonly id: number;
  /** What it waited for before the step; undefined for its first. */
  readonly before: string | undefined;
  /** What it waits for now, or how it ended. */
  readonly after: string;
  /** Where it waits now, innermost first; empty when it has ended. */
  readonly stack: readonly StackFrame[];
  /** The task that had been ready longest and was passed over; undefined where it was this one's turn. */
  readonly overtook: { readonly id: number; readonly task: string } | undefined;
  /** The step was cut at its so-manieth wait that could complete at once; 0 where it was not. */
  readonly cut: number;
  /** The hash of the run up to here: where two runs part, this differs. */
  readonly hash: number;
}

/** More than so many steps nobody reads: the first ones are let go. */
const MOST = 20_000;
/** Of a long run so many of the first and of the last steps have their lines, and so many around the first few that are out of order. */
const LINES = 300;
const AROUND = 20;
const TOLD = 20;

export class StepRecorder {
  private records: StepRecord[];
  private readonly engine: Engine;
  private readonly before: WeakMap<Task, string>;
  private firstId: number;
  /** From this step on all have their lines again. */
  private readonly end: number;
  /** Until this step they have them. */
  private lines: number;
  private deviations: number;

  constructor(engine: Engine, steps: number) {
    this.records = [];
    this.engine = engine;
    this.before = new WeakMap();
    this.firstId = -1;
    this.end = steps === Infinity ? 0 : steps - LINES;
    this.lines = LINES;
    this.deviations = 0;
  }

  get table(): readonly StepRecord[] {
    return this.records.slice(-MOST);
  }

  note(task: Task, loop: SimLoop): void {
    const { engine } = this;
    if (this.firstId < 0) this.firstId = task.id;
    const after = task.over ? task.state : waitOf(task);
    const overtaken = engine.overtaken as Task | null;
    this.records.push({
      index: engine.steps - 1,
      time: engine.time,
      node: engine.nodes[loop.index]?.name ?? "",
      task: this.nameOf(task),
      id: task.id - this.firstId + 1,
      before: this.before.get(task),
      after,
      stack: task.over || !this.wantsLines() ? [] : task.stack(),
      overtook: overtaken === null ? undefined : { id: overtaken.id - this.firstId + 1, task: this.nameOf(overtaken) },
      cut: engine.cut,
      hash: engine.hash.now,
    });
    this.before.set(task, after);
    if (this.records.length > 2 * MOST) this.records = this.records.slice(-MOST);
  }

  /** One without a name of its own has its number for it, which is another one in every run. */
  private nameOf(task: Task): string {
    return task.name === `task ${task.id}` ? `task ${task.id - this.firstId + 1}` : task.name;
  }

  /** To look where a task stands takes longer than its step. */
  private wantsLines(): boolean {
    const { engine } = this;
    const index = engine.steps - 1;
    if (engine.overtaken !== null || engine.cut > 0) {
      if (++this.deviations <= TOLD) this.lines = Math.max(this.lines, index + AROUND);
    }
    return index < this.lines || index >= this.end;
  }
}

/** `lock "accounts"`: what it waits for, with the name of what it waits on where it has one that is not in the label. */
function waitOf(task: Task): string {
  const label = task.waitingFor;
  if (label === undefined) return "turn";
  const name: unknown = (task.wait?.on as { readonly name?: unknown } | null | undefined)?.name;
  return typeof name !== "string" || name === "" || label.includes(name) ? label : `${label} "${name}"`;
}
