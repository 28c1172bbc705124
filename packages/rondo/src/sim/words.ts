/**
 * A run in words: what was chosen in it, step by step who did what (a column a task, as Lincheck prints it), and where it
 * parts from another one.
 *
 * All of it is made from a recorded run, and nobody pays for it before something has failed.
 */
import type { StackFrame } from "../coroutine/stack.ts";
import type { Draw } from "./choices.ts";
import type { Told } from "./engine.ts";
import { shortPath } from "./environment.ts";
import { textOf } from "./errors.ts";
import type { Run } from "./simulate.ts";
import type { StepRecord } from "./steps.ts";

/** Streams that say who is next, which is told by the steps themselves. */
const ABOUT_STEPS: ReadonlySet<string> = new Set(["schedule", "cuts", "preemption", "policy"]);
/** So many lines of one sort are read by somebody. */
const MOST_LINES = 24;
/** With more tasks than this there is a line a step and no table. */
const MOST_COLUMNS = 4;
const WIDTH = 38;
/** Of a long story, so many steps of its beginning and of its end, and around so many places between them. */
const FIRST_STEPS = 12;
const LAST_STEPS = 40;
const MOST_PLACES = 6;
const BEFORE = 2;
const AFTER = 4;
/** Steps that are shown before the first that is out of order. */
const LEAD = 4;

/** `12 ms`, `1.2 s`. */
export function timeText(ms: number): string {
  if (ms < 1000) return `${rounded(ms)} ms`;
  return ms < 120_000 ? `${rounded(ms / 1000)} s` : `${rounded(ms / 60_000)} min`;
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}

/** `1st`, `2nd`, `3rd`, `4th`. */
function nth(n: number): string {
  const last = n % 100 > 10 && n % 100 < 14 ? 0 : n % 10;
  return `${n}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

/** Whether a step was another one than first in, first out would have had. */
function isOutOfOrder(step: StepRecord): boolean {
  return step.overtook !== undefined || step.cut > 0;
}

/** What one step was out of order in: `at step 36: "B" before "A"`. */
export function deviationText(step: StepRecord, names: Names): string {
  const parts: string[] = [];
  if (step.overtook !== undefined) parts.push(`"${names.of(step)}" before "${names.of(step.overtook)}"`);
  if (step.cut > 0) {
    parts.push(`"${names.of(step)}" gives way at its ${nth(step.cut)} wait, though it could go on at once`);
  }
  return `at step ${step.index}: ${parts.join(", and ")}`;
}

/** What tasks are called: by the node too where there are several, and by a number where two have one name. */
export class Names {
  private readonly names: Map<number, string>;

  constructor(table: readonly StepRecord[]) {
    this.names = new Map();
    const taken = new Map<string, number>();
    for (const step of table) {
      if (this.names.has(step.id)) continue;
      const name = step.node === "world" || step.node === step.task ? step.task : `${step.node}/${step.task}`;
      const count = (taken.get(name) ?? 0) + 1;
      taken.set(name, count);
      this.names.set(step.id, count === 1 ? name : `${name} (${count})`);
    }
  }

  of({ id, task }: { readonly id: number; readonly task: string }): string {
    return this.names.get(id) ?? task;
  }
}

/** The choices of a recorded run, a line each: what is not the tamest. */
export function choicesInWords(run: Run): string[] {
  const names = new Names(run.table);
  const deviations = run.table.filter(isOutOfOrder);
  const drawn = run.draws.filter((draw) => draw.value !== 0 && !ABOUT_STEPS.has(draw.stream));
  if (deviations.length === 0 && drawn.length === 0) {
    return ["nothing: first in, first out, and all else that is left to chance as tame as can be"];
  }
  const lines: string[] = [];
  lines.push(deviations.length === 0 ? "first in, first out" : "first in, first out, except");
  // With a dash before it, or runners would take "at step 36" for a line of a stack.
  lines.push(...cutOff(deviations.map((step) => `- ${deviationText(step, names)}`)));
  lines.push(...cutOff(drawn.map(drawText)));
  if (drawn.length === 0) lines.push("all else that is left to chance is as tame as can be");
  return lines;
}

function drawText({ stream, index, n, value, label }: Draw): string {
  return `${stream}${label === undefined ? "" : ` "${label}"`}: ${value} out of ${n} (draw ${index})`;
}

function cutOff(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `… and ${lines.length - MOST_LINES} more`];
}

/** What was done to the world, a line each: `1.2 s: link b>c is cut`. */
export function storyOf(run: Run): string[] {
  return [...cutOff(toldOf(run).map(({ time, text }) => `${timeText(time)}: ${text}`))];
}

/** That a program failed with this error is what the whole report is about. */
function toldOf(run: Run): Told[] {
  const known = ` fails: ${textOf(run.error)}`;
  return run.story.filter(({ text }) => !text.endsWith(known));
}

// ---- the table ------------------------------------------------------------------------------------------------------

/** The steps that matter, a row each: from a little before the first that is out of order to the end. */
export function tableOf(run: Run): string[] {
  const { table } = run;
  if (table.length === 0) return [];
  const names = new Names(table);
  const story = toldOf(run);
  const deviation = table.findIndex(isOutOfOrder);
  const from = deviation < 0 ? 0 : Math.max(0, deviation - LEAD);
  const told = new Set(story.map(({ step }) => step));
  const shown = shownSteps(withoutRepeats(table.slice(from), told), told);
  const { steps, repeats } = shown;
  const columns = columnsOf(steps, names);
  const lines = columns === undefined ? [] : headOf(columns);
  while (story.length > 0 && (story[0]?.step ?? 0) < (steps[0]?.index ?? 0)) story.shift();
  let before = -1;
  for (const step of steps) {
    const left = step.index - before - 1;
    if (left > 0) lines.push(gapText(left, repeats.has(step.index)));
    before = step.index;
    for (; story.length > 0 && (story[0]?.step ?? 0) <= step.index; story.shift()) lines.push(toldText(story[0]));
    lines.push(columns === undefined ? lineOf(step, names) : rowOf(step, columns, names));
  }
  for (const last of story) lines.push(toldText(last));
  return lines;
}

interface Shown {
  readonly steps: readonly StepRecord[];
  /** Before the steps with these numbers are others left out, which were like those before them. */
  readonly repeats: ReadonlySet<number>;
}

/** Of a long story its beginning, its end, and what is around the steps that matter. */
function shownSteps({ steps, repeats }: Shown, told: ReadonlySet<number>): Shown {
  if (steps.length <= FIRST_STEPS + LAST_STEPS) return { steps, repeats };
  const keep = new Set<number>();
  const keepFrom = (from: number, to: number): void => {
    for (let i = Math.max(0, from); i < Math.min(steps.length, to); i++) keep.add(i);
  };
  keepFrom(0, FIRST_STEPS);
  keepFrom(steps.length - LAST_STEPS, steps.length);
  let places = 0;
  for (let i = 0; i < steps.length && places < MOST_PLACES; i++) {
    const step = steps[i] as StepRecord;
    if (keep.has(i) || !(isOutOfOrder(step) || told.has(step.index))) continue;
    places++;
    keepFrom(i - BEFORE, i + AFTER);
  }
  return {
    steps: steps.filter((_, i) => keep.has(i)),
    // Where more is left out than what was alike, that is of all sorts.
    repeats: new Set(steps.flatMap(({ index }, i) => (repeats.has(index) && keep.has(i - 1) ? [index] : []))),
  };
}

/** So many steps may make a round that is gone through again and again. */
const LONGEST_ROUND = 6;
/** Shorter repetitions are not worth a line that says so. */
const WORTH_A_LINE = 4;

/** Leaves out what is the same again and again: somebody who looks every millisecond. */
function withoutRepeats(steps: readonly StepRecord[], told: ReadonlySet<number>): Shown {
  const keys = steps.map((step, i) =>
    isOutOfOrder(step) || told.has(step.index) ? `only ${i}` : `${step.id} ${step.after} ${placeOf(step.stack)}`,
  );
  const kept: StepRecord[] = [];
  const repeats = new Set<number>();
  for (let i = 0; i < steps.length;) {
    let round = 1;
    let repeated = 0;
    for (; round <= LONGEST_ROUND; round++) {
      let same = 0;
      while (i + round + same < keys.length && keys[i + round + same] === keys[i + same]) same++;
      repeated = same - (same % round);
      if (repeated >= Math.max(WORTH_A_LINE, round)) break;
      repeated = 0;
    }
    const next = repeated === 0 ? i + 1 : i + round + repeated;
    kept.push(...steps.slice(i, repeated === 0 ? i + 1 : i + round));
    const after = steps[next];
    if (repeated > 0 && after !== undefined) repeats.add(after.index);
    i = next;
  }
  return { steps: kept, repeats };
}

interface Column {
  readonly name: string;
  readonly width: number;
}

function columnsOf(steps: readonly StepRecord[], names: Names): readonly Column[] | undefined {
  const widths = new Map<string, number>();
  for (const step of steps) {
    const name = names.of(step);
    widths.set(name, Math.min(WIDTH, Math.max(widths.get(name) ?? name.length, cellText(step).length)));
  }
  if (widths.size > MOST_COLUMNS) return undefined;
  return [...widths].map(([name, width]) => ({ name, width }));
}

const STEP_WIDTH = 6;
const TIME_WIDTH = 8;

function headOf(columns: readonly Column[]): string[] {
  const cells = columns.map(({ name, width }) => fitted(name, width));
  const rules = columns.map(({ width }) => "-".repeat(width));
  return [
    `${"step".padStart(STEP_WIDTH)} ${"ms".padStart(TIME_WIDTH)} | ${cells.join(" | ")}`.trimEnd(),
    `${"-".repeat(STEP_WIDTH + TIME_WIDTH + 1)}-+-${rules.join("-+-")}`,
  ];
}

function rowOf(step: StepRecord, columns: readonly Column[], names: Names): string {
  const name = names.of(step);
  const cells = columns.map(({ name: column, width }) => (column === name ? cellText(step, width) : "").padEnd(width));
  return `${edgeOf(step)} | ${cells.join(" | ")}`.trimEnd();
}

function lineOf(step: StepRecord, names: Names): string {
  return `${edgeOf(step)} | ${names.of(step)}: ${cellText(step)}`;
}

/** A star stands at the steps that are out of order. */
function edgeOf(step: StepRecord): string {
  const index = `${isOutOfOrder(step) ? "*" : ""}${step.index}`;
  return `${index.padStart(STEP_WIDTH)} ${String(rounded(step.time)).padStart(TIME_WIDTH)}`;
}

function gapText(steps: number, alike: boolean): string {
  const what = `${steps} ${alike ? "more " : ""}${steps === 1 ? "step" : "steps"} ${alike ? "like these" : "left out"}`;
  return `${"…".padStart(STEP_WIDTH)} ${"".padStart(TIME_WIDTH)} | ${what}`;
}

function toldText(told: { readonly time: number; readonly text: string } | undefined): string {
  return `${"".padStart(STEP_WIDTH)} ${String(rounded(told?.time ?? 0)).padStart(TIME_WIDTH)} | == ${told?.text ?? ""}`;
}

function fitted(text: string, width: number): string {
  if (width === Infinity) return text;
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;
}

/** What a task is at after a step: `waits for lock, bank.ts:12`. Where there is no room, the place stays readable. */
function cellText(step: StepRecord, width: number = Infinity): string {
  const place = placeOf(step.stack);
  const what = stateText(step.after);
  if (place === "") return fitted(what, width).trimEnd();
  const room = Math.max(8, width - place.length - 2);
  return fitted(`${fitted(what, room).trimEnd()}, ${place}`, width).trimEnd();
}

function stateText(after: string): string {
  if (after === "turn") return "gives way";
  return after === "done" || after === "failed" || after === "cancelled" ? after : `waits for ${after}`;
}

/** The file and line of the program where a stack is, that of the runtime itself left out where there is any other. */
function placeOf(stack: readonly StackFrame[]): string {
  const frame = stack.find(({ file, line }) => line !== undefined && file !== undefined && !isOwn(file)) ?? stack[0];
  if (frame?.file === undefined || frame.line === undefined) return "";
  return `${frame.file.replace(/^.*[/\\]/, "")}:${frame.line}`;
}

/** The folder of the runtime: src/ or dist/. */
const OWN: string = import.meta.url.replace(/^file:\/\//, "").replace(/sim\/[^/]*$/, "");

export function isOwn(file: string): boolean {
  const path = file.replace(/^file:\/\//, "");
  return path.startsWith(OWN) && !/\.(test|soak)\.ts$/.test(path);
}

/** The frames of an error's stack that a person may open, the innermost first. */
export function shownFrame(stack: readonly StackFrame[]): string {
  const frame = stack.find(({ file }) => file !== undefined && !isOwn(file)) ?? stack[0];
  return frame?.file === undefined ? "" : `${shortPath(frame.file)}:${frame.line ?? "?"}`;
}

// ---- two runs -------------------------------------------------------------------------------------------------------

/** Where two recorded runs part: the place in their tables, or -1 where they do not, or did before what is written down. */
export function partingOf(one: Run, other: Run): number {
  if (one.table[0]?.index !== other.table[0]?.index) return -1;
  const length = Math.min(one.table.length, other.table.length);
  for (let i = 0; i < length; i++) {
    if (one.table[i]?.hash !== other.table[i]?.hash) return i;
  }
  return one.table.length === other.table.length ? -1 : length;
}

/** What two runs do at the step where they part, a line each. */
export function partingInWords(one: Run, other: Run, here: string, there: string): string[] {
  const at = partingOf(one, other);
  if (at < 0) return [];
  return [`${here}: ${stepText(one, at)}`, `${there}: ${stepText(other, at)}`];
}

function stepText(run: Run, at: number): string {
  const step = run.table[at];
  if (step === undefined) return `the run is over after ${run.steps} steps`;
  const place = shownFrame(step.stack);
  const where = place === "" ? "" : ` at ${place}`;
  return `step ${step.index}, ${timeText(step.time)}: "${new Names(run.table).of(step)}" ${stateText(step.after)}${where}`;
}
