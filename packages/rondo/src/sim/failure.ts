/**
 * What becomes of a run that failed: it is made small, run once more with everything written down, and told.
 */
import { parseStack } from "../coroutine/stack.ts";
import { type SimBody, differing, type RunOptions } from "./campaign.ts";
import type { Recording } from "./choices.ts";
import { commandFor, shortPath, shortPaths, tokenForCommand } from "./environment.ts";
import { textOf } from "./errors.ts";
import { shrink, type ShrinkOptions, type Shrunk } from "./shrink.ts";
import { type Run, simulate, type SimulateOptions } from "./simulate.ts";
import type { StepRecord } from "./steps.ts";
import { encodeToken } from "./token.ts";
import { choicesInWords, deviationText, isOwn, Names, partingInWords, storyOf, tableOf, timeText } from "./words.ts";

/** What a {@link CheckError} is made of. */
interface Findings {
  readonly run: Run;
  readonly token: string;
  readonly seed: number | undefined;
  readonly shrunk: Shrunk | undefined;
}

/**
 * A program failed in simulation. The message begins with that of the program's own error, which is the `cause`, and tells
 * everything that is known of how it came about.
 *
 * @example
 * ```ts
 * import { check, CheckError } from "rondo/sim";
 *
 * try {
 *   check({ runs: 100 }, function* (world) {
 *     if (world.integer(1, 6) === 6) throw new Error("a six");
 *   })();
 * } catch (error) {
 *   const { message, cause, token } = error as CheckError;
 *   console.log(message.split("\n")[0]); // prints: a six
 *   console.log((cause as Error).message, token.startsWith("rondo1.")); // prints: a six true
 * }
 * ```
 */
export class CheckError extends Error {
  override readonly name: string = "CheckError";
  // Not among the properties that test runners print: the message has said it all.
  readonly #findings: Findings;

  constructor(message: string, cause: unknown, findings: Findings) {
    super(message, { cause });
    this.#findings = findings;
    const lines = cause instanceof Error ? linesOf(cause) : "";
    // The lines of the program that failed, and not those of its examiner: there runners show the code.
    if (lines !== "") this.stack = `${this.name}: ${message}\n${lines}`;
  }

  /** The run that failed, made small, with its steps, draws and story. */
  get run(): Run {
    return this.#findings.run;
  }

  /** The choices of that run, for `RONDO_REPLAY` and for `simulate({ replay })`. */
  get token(): string {
    return this.#findings.token;
  }

  /** The seed of the run in which it was found; undefined where nothing was left to chance. */
  get seed(): number | undefined {
    return this.#findings.seed;
  }

  /** How far it was made small; undefined where it was replayed. */
  get shrunk(): Shrunk | undefined {
    return this.#findings.shrunk;
  }
}

function linesOf(error: Error): string {
  const stack = stackOf(error);
  // The message may have lines that look like those of a stack.
  const message = saying(error);
  const at = stack.includes(message) ? stack.indexOf(message) + message.length : 0;
  return stack
    .slice(at)
    .split("\n")
    .filter((line) => {
      const [frame] = parseStack(line);
      return frame?.line !== undefined && !isOwn(frame.file ?? "");
    })
    .join("\n");
}

function stackOf(error: Error): string {
  try {
    return String(error.stack ?? "");
  } catch {
    // The engine makes it when it is first read, from a message that may be a getter that throws.
    return "";
  }
}

/** What an error says, whatever it is. */
export function saying(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${textOf(error)}`;
  try {
    return error.message === "" ? String(error.name) : String(error.message);
  } catch {
    return `thrown: ${textOf(error)}`;
  }
}

/**
 * Whether two failures are one: a smaller run must not fail of something else. Numbers may differ (a step, a balance), and
 * so may what stands behind the first line.
 */
export function kindOf(run: Run): string {
  const { error } = run;
  if (!(error instanceof Error)) return `thrown ${typeof error}`;
  const { code, property, budget } = error as { code?: unknown; property?: unknown; budget?: unknown };
  const text = saying(error);
  const about = [code, property, budget].filter((one) => typeof one === "string").join();
  const line = (text.split("\n", 1)[0] as string).replace(/-?\d+(?:\.\d+)?/g, "#").slice(0, 120);
  return property === undefined ? `${error.name} ${about} ${line}` : `${error.name} ${about}`;
}

/** Where a failure was found. */
export interface Found {
  readonly options: RunOptions;
  readonly body: SimBody;
  /** As it was run in the campaign. */
  readonly run: Run;
  readonly seed: number | undefined;
  /** `found in run 18 of 100, seed 17, policy pct(2)` */
  readonly how: string;
  readonly shrink: ShrinkOptions | false;
  /** What the test runner gave to the function. */
  readonly context: unknown;
}

/** Makes a failure small and gives the error that tells it; a `NondeterminismError` where it does not come again. */
export function failureOf(found: Found): Error {
  const { options, body, run, seed } = found;
  const base = { ...options, seed };
  const kind = kindOf(run);
  const fails = (replay: Recording): Run | undefined => {
    const again = simulate({ ...base, replay }, body);
    return !again.ok && kindOf(again) === kind ? again : undefined;
  };
  const again = simulate({ ...base, replay: run.choices }, body);
  if (again.ok || again.hash !== run.hash) return unsteady(found, again);
  const shrunk =
    found.shrink === false ? undefined : shrink(run.choices, (one) => fails(one)?.choices ?? null, found.shrink);
  const choices = shrunk?.recording ?? run.choices;
  const told = recorded(choices, base, body);
  if (told.ok) return unsteady(found, told);
  const nearest = nearestPassing(choices, (replay) => simulate({ ...base, replay }, body));
  const passing = nearest === undefined ? undefined : recorded(nearest, base, body);
  return tell({ ...found, run: told }, shrunk, passing);
}

/** Once more, with everything written down: of a long run only what will be shown has its lines. */
export function recorded(replay: Recording | string, options: SimulateOptions, body: SimBody): Run {
  const { steps } = simulate({ ...options, replay }, body);
  return simulate({ ...options, replay, record: { steps } }, body);
}

/** For one replayed run: tells it as it is. */
export function replayedFailure(found: Found): Error {
  return tell(found, undefined, undefined);
}

function unsteady(found: Found, again: Run): Error {
  const replay = { ...found.options, seed: found.seed, replay: found.run.choices };
  const error = differing(replay, found.body);
  const what = again.ok ? "does not fail when it is replayed" : "becomes another run when it is replayed";
  error.message = `${saying(found.run.error)}\n\nThis failure (${found.how}) ${what}.\n${error.message}`;
  error.cause = found.run.error;
  return error;
}

/** Of a failing recording that can be made no smaller, each number is needed; without its last one it is a run that passes. */
function nearestPassing(recording: Recording, run: (recording: Recording) => Run): Recording | undefined {
  const places: { stream: string; index: number }[] = [];
  // Not whether there are cuts at all: that would take away several at once.
  const streams = new Set(["schedule", "cuts", ...recording.keys()]);
  streams.delete("preemption");
  for (const stream of streams) {
    const values = recording.get(stream) ?? [];
    for (let index = values.length - 1; index >= 0; index--) if (values[index] !== 0) places.push({ stream, index });
  }
  for (const { stream, index } of places.slice(0, TRIES)) {
    const values = [...(recording.get(stream) as readonly number[])];
    values[index] = 0;
    const tried = new Map(recording).set(stream, values);
    if (run(tried).ok) return tried;
  }
  return undefined;
}

const TRIES = 12;

// ---- the message ----------------------------------------------------------------------------------------------------

function tell(found: Found, shrunk: Shrunk | undefined, passing: Run | undefined): CheckError {
  const { run, seed } = found;
  const token = encodeToken(run.choices);
  const parts: string[] = [saying(run.error)];
  parts.push([`${found.how}`, ...replayLines(token, found)].join("\n"));
  parts.push(section(`what it takes${shrunkText(shrunk)}:`, choicesInWords(run)));
  const story = storyOf(run);
  if (story.length > 0) parts.push(section("what was done to the world:", story));
  const steps = run.steps === 1 ? "1 step" : `${run.steps} steps`;
  parts.push(section(`step by step (${steps}, ${timeText(run.virtual)}):`, tableOf(run)));
  if (run.waiting !== "") parts.push(section("who waited for what when it failed:", lines(shortPaths(run.waiting))));
  if (passing !== undefined) {
    parts.push(
      section("the nearest run that passes parts from it here:", [
        `it differs in this: ${differenceText(run, passing)}`,
        ...partingInWords(run, passing, "this run", "that run"),
      ]),
    );
  }
  return new CheckError(parts.join("\n\n"), run.error, { run, token, seed, shrunk });
}

function lines(text: string): string[] {
  return text.split("\n");
}

function section(title: string, body: readonly string[]): string {
  return [title, ...body.map((line) => `  ${line}`)].join("\n");
}

function replayLines(token: string, found: Found): string[] {
  const command = commandFor(found.context);
  const seed = found.seed === undefined ? "" : `RONDO_SEED=${found.seed} `;
  if (command === undefined) return [`replay it by simulate({ replay: "${token}" }, body)`];
  const given = tokenForCommand(token);
  const replayed = [`replay it:  ${seed}RONDO_REPLAY=${given} ${command}`];
  if (given !== token) replayed.push(`(its token has ${token.length} letters and is in ${shortPath(given)})`);
  return replayed;
}

function shrunkText(shrunk: Shrunk | undefined): string {
  if (shrunk === undefined) return "";
  const replays = `${shrunk.runs} ${shrunk.runs === 1 ? "replay" : "replays"}`;
  if (shrunk.stopped === "minimum") return ` (made small in ${replays}; none of it can be left out)`;
  const budget = shrunk.stopped === "runs" ? "its number of replays" : "its time";
  return ` (made smaller in ${replays}, until ${budget} was used up: it may need less)`;
}

/** What one run has and the other has not, where that is one choice. */
function differenceText(run: Run, passing: Run): string {
  const names = new Names(run.table);
  const key = (one: StepRecord): string => `${one.index} ${one.overtook?.id} ${one.cut}`;
  const known = new Set(passing.table.map(key));
  const step = run.table.find((one) => (one.overtook !== undefined || one.cut > 0) && !known.has(key(one)));
  if (step !== undefined) return `not ${deviationText(step, names)}`;
  const draws = new Map(passing.draws.map((draw) => [`${draw.stream} ${draw.index}`, draw.value]));
  const draw = run.draws.find((one) => one.value !== 0 && draws.get(`${one.stream} ${one.index}`) !== one.value);
  if (draw === undefined) return "a choice that shows only later";
  const label = draw.label === undefined ? "" : ` "${draw.label}"`;
  return `not ${draw.value} but 0 for ${draw.stream}${label} (draw ${draw.index})`;
}
