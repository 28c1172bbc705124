/**
 * Random programs of coroutines, and an interpreter that runs them and watches what must never happen.
 *
 * A program is a tree. Running it leaves a log of what happened when, and every rule that the run broke is written down
 * as a complaint. The rules are those of the kernel, not of any one program:
 *
 * - no caller goes on after a callee that did not finish;
 * - every `finally` is entered once, innermost first, and a cleanup that runs because of a cancellation runs to its end;
 * - a wait that begins under a visible cancellation does not complete, and one that completes took its time;
 * - nobody leaves a group while one of its tasks lives; every task ends; no timer is left;
 * - a group throws the first failure in it, and no error is ever lost.
 */
import fc from "fast-check";

import { call } from "../src/coroutine/call.ts";
import {
  CancelledError,
  checkpoint,
  cleanup,
  type Coroutine,
  defer,
  GraceError,
  group,
  type Group,
  moveOnAfter,
  now,
  run,
  scope,
  setTap,
  shield,
  sleep,
  suppressed,
  type Tap,
  type Task,
  timeout,
  TimeoutError,
  VirtualHost,
} from "../src/index.ts";
import { loops } from "../src/loop/loop.ts";

/** A region around `body`. */
interface Bounded {
  readonly op: "scope" | "shield" | "cleanup";
  readonly body: Op;
}

export type Op =
  | { readonly op: "sleep"; readonly ms: number }
  | { readonly op: "checkpoint"; readonly times: number }
  | { readonly op: "throw" }
  | { readonly op: "seq"; readonly ops: readonly Op[] }
  | { readonly op: "deep"; readonly levels: number; readonly body: Op }
  | { readonly op: "call"; readonly body: Op }
  | { readonly op: "catch"; readonly body: Op }
  | { readonly op: "finally"; readonly body: Op; readonly cleanup: Op }
  | Bounded
  | { readonly op: "timeout"; readonly ms: number; readonly body: Op }
  | { readonly op: "moveOn"; readonly ms: number; readonly body: Op }
  | { readonly op: "defer"; readonly body: Op }
  | { readonly op: "group"; readonly tasks: readonly Op[]; readonly body: Op; readonly keep: boolean }
  | { readonly op: "spawn"; readonly body: Op; readonly daemon: boolean; readonly join: boolean }
  | { readonly op: "cancelAround"; readonly up: number }
  | { readonly op: "cancelTask"; readonly which: number };

const parts = fc.letrec<{ op: Op; leaf: Op }>((tie) => ({
  leaf: fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant("sleep" as const), ms: fc.nat(12) }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant("checkpoint" as const), times: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "checkpoint", times: 150 }) },
    { weight: 2, arbitrary: fc.constant<Op>({ op: "throw" }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("cancelAround" as const), up: fc.nat(4) }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant("cancelTask" as const), which: fc.nat(9) }) },
  ),
  op: fc.oneof(
    { depthSize: "medium", maxDepth: 7, withCrossShrink: true },
    { weight: 4, arbitrary: tie("leaf") },
    {
      weight: 5,
      arbitrary: fc.record({
        op: fc.constant("seq" as const),
        ops: fc.array(tie("op"), { minLength: 2, maxLength: 5, size: "max" }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("finally" as const), body: tie("op"), cleanup: tie("op") }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("catch" as const), body: tie("op") }) },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant("deep" as const),
        levels: fc.integer({ min: 1, max: 6 }),
        body: tie("op"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("call" as const), body: tie("op") }) },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constantFrom("scope" as const, "shield" as const, "cleanup" as const),
        body: tie("op"),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constantFrom("timeout" as const, "moveOn" as const),
        ms: fc.nat(15),
        body: tie("op"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("defer" as const), body: tie("op") }) },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant("group" as const),
        tasks: fc.array(tie("op"), { maxLength: 3 }),
        body: tie("op"),
        keep: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant("spawn" as const),
        body: tie("op"),
        daemon: fc.boolean(),
        join: fc.boolean(),
      }),
    },
  ),
})).op;

/** Programs, by fast-check: they shrink to the smallest one that still breaks a rule. */
export const programs: fc.Arbitrary<Op> = fc.record({
  op: fc.constant("group" as const),
  tasks: fc.array(parts, { minLength: 1, maxLength: 4, size: "max" }),
  body: fc.record({
    op: fc.constant("seq" as const),
    ops: fc.array(parts, { minLength: 1, maxLength: 4, size: "max" }),
  }),
  keep: fc.boolean(),
});

/** A thing around the code that runs: a region that can be cancelled, or one behind which cancellations wait. */
interface Region {
  readonly kind: "task" | "group" | "scope" | "shield" | "cleanup";
  readonly outer: Region | null;
  /** It was cancelled for sure. */
  cancelled: boolean;
  /** Whether it may have been: by a failure of a sibling, a timer that is due, the end of the rest of its group. */
  readonly possibly?: () => boolean;
  readonly cancel: (() => void) | null;
}

/** What one task knows of itself. */
interface Line {
  readonly id: number;
  /** The `try`s that are open, outermost first. */
  readonly tries: object[];
}

interface Here {
  readonly region: Region;
  readonly line: Line;
  readonly group: { readonly g: Group; readonly region: Region; readonly tasks: Watched[] };
}

interface Watched {
  readonly task: Task;
  readonly daemon: boolean;
}

/** An error that a program throws; each is known by its number. */
class Thrown extends Error {
  readonly number: number;
  constructor(number: number) {
    super(`thrown ${number}`);
    this.number = number;
  }
}

export interface Outcome {
  readonly log: string;
  readonly complaints: readonly string[];
}

export interface RunProgramOptions {
  readonly seed?: number | undefined;
  readonly grace?: number | undefined;
  /** Makes a tap; where there is one the kernel takes its slower ways, which must come to the same. */
  readonly tap?: ((root: () => Task | undefined) => Tap) | undefined;
}

export class Interpreter {
  readonly log: string[] = [];
  readonly complaints: string[] = [];
  private readonly tasks: { task: Task; region: Region }[] = [];
  private readonly thrown = new Set<Thrown>();
  private readonly heard = new Set<unknown>();
  private counter = 0;
  private readonly graceful: boolean;

  constructor(graceful: boolean) {
    this.graceful = graceful;
  }

  private say(line: Line, what: string): void {
    this.log.push(`${now()} ${line.id} ${what}`);
  }

  private complain(what: string): void {
    this.complaints.push(what);
  }

  /** Somebody has this error in hand, and with it all that it suppresses, now or later. */
  hear(error: unknown): void {
    this.heard.add(error);
  }

  /** What must hold when all is over. */
  finish(): void {
    const known = new Set<unknown>(this.heard);
    for (const error of known) {
      for (const one of suppressed(error)) known.add(one);
      if (error instanceof Error && error.cause !== undefined) known.add(error.cause);
      if (error instanceof CancelledError) known.add(error.reason);
    }
    for (const error of this.thrown) if (!known.has(error)) this.complain(`error ${error.number} was lost`);
    for (const { task } of this.tasks) if (!task.over) this.complain(`the task ${task.name} was left running`);
  }

  /** Whether a cancellation can be seen from here: one that code here must not outlive. */
  private pending(from: Region): boolean {
    for (let region: Region | null = from; region !== null; region = region.outer) {
      if (region.kind === "cleanup") return false;
      if (region.cancelled) return true;
      if (region.kind === "shield") return false;
    }
    return false;
  }

  /** Whether a cancellation may be seen from here. */
  private possible(from: Region): boolean {
    for (let region: Region | null = from; region !== null; region = region.outer) {
      if (region.kind === "cleanup") return false;
      if (region.cancelled || region.possibly?.() === true) return true;
      if (region.kind === "shield") return false;
    }
    return false;
  }

  /** Runs one op as a frame of its own; says so when it goes on after a callee that did not finish. */
  private *step(op: Op, here: Here): Coroutine<void> {
    const mark = { finished: false };
    yield* this.frame(op, here, mark);
    if (!mark.finished) this.complain(`a caller went on after ${op.op}, which had not finished`);
  }

  private *frame(op: Op, here: Here, mark: { finished: boolean }): Coroutine<void> {
    yield* this.exec(op, here);
    mark.finished = true;
  }

  private *exec(op: Op, here: Here): Coroutine<void> {
    const { line, region } = here;
    switch (op.op) {
      case "sleep": {
        const doomed = this.pending(region);
        const start = now();
        yield* sleep(op.ms);
        if (doomed) this.complain("a sleep completed that began under a cancellation");
        if (now() - start !== op.ms) this.complain(`a sleep of ${op.ms} took ${now() - start}`);
        this.say(line, `slept ${op.ms}`);
        return;
      }
      case "checkpoint": {
        for (let i = 0; i < op.times; i++) {
          const doomed = this.pending(region);
          yield* checkpoint();
          if (doomed) return this.complain("a checkpoint completed that began under a cancellation");
        }
        this.say(line, `checked ${op.times}`);
        return;
      }
      case "throw": {
        const error = new Thrown(++this.counter);
        this.thrown.add(error);
        this.say(line, `throws ${error.number}`);
        throw error;
      }
      case "seq":
        for (const one of op.ops) yield* this.step(one, here);
        return;
      case "deep":
        yield* this.step(op.levels > 1 ? { ...op, levels: op.levels - 1 } : op.body, here);
        return;
      case "call":
        yield* call(() => this.step(op.body, here));
        return;
      case "catch":
        try {
          yield* this.step(op.body, here);
        } catch (error) {
          this.say(line, `catches ${String(error)}`);
          this.hear(error);
          if (
            !(
              error instanceof Thrown ||
              error instanceof TimeoutError ||
              error instanceof CancelledError ||
              error instanceof GraceError
            )
          ) {
            this.complain(`a catch saw ${String(error)}`);
          }
        }
        return;
      case "finally":
        yield* this.tryFinally(op, here);
        return;
      case "moveOn":
        yield* this.movedOn(op, here);
        return;
      case "timeout":
        yield* this.timedOut(op, here);
        return;
      case "scope":
        yield* this.scoped(op.body, here);
        return;
      case "shield":
      case "cleanup":
        yield* this.shielded(op, here);
        return;
      case "defer":
        this.deferred(op, here);
        return;
      case "group":
        yield* this.grouped(op, here);
        return;
      case "spawn": {
        const task = this.spawn(op, here);
        if (task === undefined || !op.join || op.daemon) return;
        this.say(line, `joins ${task.name}`);
        yield* task;
        return;
      }
      case "cancelAround": {
        let at: Region | null = region;
        for (let up = op.up; at !== null && (up > 0 || at.cancel === null); at = at.outer) if (at.cancel !== null) up--;
        if (at === null) return;
        this.say(line, `cancels around ${op.up}`);
        at.cancelled = true;
        at.cancel?.();
        return;
      }
      case "cancelTask": {
        const known = this.tasks[op.which % Math.max(1, this.tasks.length)];
        if (known === undefined) return;
        this.say(line, `cancels ${known.task.name}`);
        if (!known.task.over) known.region.cancelled = true;
        known.task.cancel();
        return;
      }
    }
  }

  private *tryFinally(op: Extract<Op, { op: "finally" }>, here: Here): Coroutine<void> {
    const { line } = here;
    const self = {};
    let how: "unwound" | "finished" | "threw" = "unwound";
    let inFlight: unknown;
    let entered = false;
    line.tries.push(self);
    try {
      yield* this.step(op.body, here);
      how = "finished";
    } catch (error) {
      how = "threw";
      inFlight = error;
      throw error;
    } finally {
      if (entered) this.complain("a finally was entered twice");
      entered = true;
      if (line.tries.pop() !== self) this.complain("a finally was entered before an inner one");
      this.say(line, `finally, ${how}`);
      // A cleanup that runs because of a cancellation is protected from it; any other is code like the rest.
      const unwound = (how as string) === "unwound";
      const region: Region = unwound
        ? { kind: "cleanup", outer: here.region, cancelled: false, cancel: null }
        : here.region;
      if (unwound && !this.possible(here.region)) {
        // With a grace a cleanup may be cut, and what stands in it is returned though nothing visible is cancelled.
        if (!this.graceful) this.complain("a frame was returned though nothing around it is cancelled");
      }
      let done = false;
      try {
        yield* this.step(op.cleanup, { ...here, region });
        done = true;
      } catch (error) {
        done = true;
        // JavaScript's own rule: an error of a finally replaces the one on its way.
        this.hear(inFlight);
        // oxlint-disable-next-line no-unsafe-finally -- a cleanup that fails is what is tried
        throw error;
      } finally {
        if (!done) {
          this.hear(inFlight);
          if (unwound && !this.graceful && !this.possible(region))
            this.complain("a cleanup was cut though there is no grace");
        }
      }
    }
  }

  private *movedOn(op: Extract<Op, { op: "moveOn" }>, here: Here): Coroutine<void> {
    const mark = { finished: false };
    const until = now() + op.ms;
    const region = timed(here, until);
    const result = yield* moveOnAfter(op.ms, () => this.frame(op.body, { ...here, region }, mark));
    if (!mark.finished && !result.timedOut) this.complain("a moveOnAfter gave a value that its body had not given");
    if (mark.finished && result.timedOut) this.complain("a moveOnAfter dropped the end of its body");
    if (result.timedOut && now() < until) this.complain("a moveOnAfter was early");
    this.say(here.line, `moved on, ${result.timedOut ? "late" : "in time"}`);
  }

  private *scoped(body: Op, here: Here): Coroutine<void> {
    const mark = { finished: false };
    const result = yield* scope((s) => {
      const region: Region = { kind: "scope", outer: here.region, cancelled: false, cancel: () => s.cancel() };
      return this.frame(body, { ...here, region }, mark);
    });
    if (mark.finished === result.cancelled) this.complain("a scope gave the wrong answer");
    this.say(here.line, `scope, ${result.cancelled ? "cancelled" : "whole"}`);
  }

  private *timedOut(op: Extract<Op, { op: "timeout" }>, here: Here): Coroutine<void> {
    const mark = { finished: false };
    const region = timed(here, now() + op.ms);
    yield* timeout(op.ms, () => this.frame(op.body, { ...here, region }, mark));
    if (!mark.finished) this.complain("a timeout went on after a body that had not finished");
  }

  private *shielded(op: Bounded, here: Here): Coroutine<void> {
    const mark = { finished: false };
    const region: Region = { kind: "shield", outer: here.region, cancelled: false, cancel: null };
    const wrap = op.op === "shield" ? shield : cleanup;
    yield* wrap(() => this.frame(op.body, { ...here, region }, mark));
    if (!mark.finished) this.complain(`a ${op.op} went on after a body that had not finished`);
  }

  private deferred(op: Extract<Op, { op: "defer" }>, here: Here): void {
    let runs = 0;
    const mark = { finished: false };
    defer(() => {
      if (++runs > 1) this.complain("a deferred function ran twice");
      this.say(here.line, "deferred");
      const region: Region = { kind: "cleanup", outer: here.region, cancelled: false, cancel: null };
      // What it spawns belongs to a group that may be over.
      return this.frame(withoutSpawns(op.body), { ...here, region }, mark);
    });
  }

  private *grouped(op: Extract<Op, { op: "group" }>, here: Here): Coroutine<void> {
    const mark = { finished: false };
    const tasks: Watched[] = [];
    const failures: unknown[] = [];
    let entered = false;
    let thrown: { error: unknown } | undefined;
    try {
      yield* group(
        (g) => {
          entered = true;
          const region: Region = {
            kind: "group",
            outer: here.region,
            cancelled: false,
            possibly: () => failures.length > 0 || (!op.keep && tasks.some(({ task }) => task.failed)),
            cancel: () => g.cancel(),
          };
          const inside: Here = { ...here, region, group: { g, region, tasks } };
          for (const one of op.tasks) this.spawn({ op: "spawn", body: one, daemon: false, join: false }, inside);
          return this.noting(this.frame(op.body, inside, mark), failures);
        },
        { onFailure: op.keep ? "keep" : "cancel" },
      );
    } catch (error) {
      thrown = { error };
      throw error;
    } finally {
      for (const { task } of tasks) if (!task.over) this.complain(`a group was left while ${task.name} lived`);
      if (entered && thrown === undefined && !mark.finished && !this.possible(here.region) && !this.graceful) {
        this.complain("a group was left without an error though its body had not finished");
      }
      const failed = tasks.filter(({ task }) => task.failed);
      if (thrown !== undefined && !op.keep && failed.length > 0 && failures.length === 0) {
        const of = (error: unknown): unknown =>
          error instanceof Error && error.cause instanceof Thrown ? error.cause : error;
        if (
          !failed.some(
            ({ task }) =>
              task.value === of((thrown as { error: unknown }).error) ||
              task.value === (thrown as { error: unknown }).error,
          )
        ) {
          this.complain("a group threw something that is no failure of its tasks");
        }
      }
      this.say(here.line, `group, ${thrown === undefined ? "whole" : String(thrown.error)}`);
    }
    if (!op.keep && tasks.some(({ task }) => task.failed)) this.complain("a group swallowed a failure");
    if (!mark.finished) this.complain("a group went on after a body that had not finished");
  }

  /** Notes what the body of a group throws. */
  private *noting(body: Coroutine<void>, failures: unknown[]): Coroutine<void> {
    try {
      yield* body;
    } catch (error) {
      failures.push(error);
      throw error;
    }
  }

  private spawn(op: Extract<Op, { op: "spawn" }>, here: Here): Task | undefined {
    const { g, region: outer, tasks } = here.group;
    const id = this.tasks.length + 1;
    const held: { task?: Task } = {};
    const region: Region = {
      kind: "task",
      outer,
      cancelled: false,
      possibly: () => op.daemon,
      cancel: () => held.task?.cancel(),
    };
    const line: Line = { id, tries: [] };
    let steps = 0;
    const body = function* (this: Interpreter): Coroutine<void> {
      if (++steps > 1) this.complain("a task began twice");
      this.say(line, "begins");
      yield* this.step(op.body, { ...here, region, line });
    };
    const task = g.spawn(() => body.call(this), { daemon: op.daemon, name: `task ${id}` });
    held.task = task;
    this.tasks.push({ task, region });
    tasks.push({ task, daemon: op.daemon });
    this.say(here.line, `spawns ${id}`);
    return task;
  }

  *main(op: Op): Coroutine<void> {
    const line: Line = { id: 0, tries: [] };
    const base: Region = { kind: "shield", outer: null, cancelled: false, cancel: null };
    const tasks: Watched[] = [];
    const failures: unknown[] = [];
    yield* group((g) => {
      const region: Region = {
        kind: "group",
        outer: base,
        cancelled: false,
        possibly: () => failures.length > 0 || tasks.some(({ task }) => task.failed),
        cancel: () => g.cancel(),
      };
      return this.noting(this.step(op, { region, line, group: { g, region, tasks } }), failures);
    });
  }
}

/** A region that ends by itself at `until`. */
function timed(here: Here, until: number): Region {
  return {
    kind: "scope",
    outer: here.region,
    get cancelled() {
      return now() > until;
    },
    // In the very moment the timer has fired or not: it does when the loop looks.
    possibly: () => now() >= until,
    cancel: null,
  };
}

/** The same program without what needs a group that is open. */
function withoutSpawns(op: Op): Op {
  switch (op.op) {
    case "spawn":
      return withoutSpawns(op.body);
    case "seq":
      return { ...op, ops: op.ops.map(withoutSpawns) };
    case "finally":
      return { ...op, body: withoutSpawns(op.body), cleanup: withoutSpawns(op.cleanup) };
    case "deep":
    case "call":
    case "catch":
    case "scope":
    case "shield":
    case "cleanup":
    case "timeout":
    case "moveOn":
    case "defer":
      return { ...op, body: withoutSpawns(op.body) } as Op;
    default:
      return op;
  }
}

/** Runs a program and tells what happened and which rules it broke. */
export async function runProgram(op: Op, options: RunProgramOptions = {}): Promise<Outcome> {
  const host = new VirtualHost(options.seed === undefined ? {} : { seed: options.seed });
  const interpreter = new Interpreter(options.grace !== undefined);
  const before = loops.size;
  let root: Task | undefined;
  const tap = options.tap?.(() => root);
  if (tap !== undefined) setTap(tap);
  try {
    await run(
      function* () {
        root = [...loops].at(-1)?.root as Task;
        yield* interpreter.main(op);
      },
      { host, ...(options.grace === undefined ? {} : { grace: options.grace }) },
    );
  } catch (error) {
    interpreter.log.push(`run: ${String(error)}`);
    interpreter.hear(error);
    if ((error as Error | undefined)?.name === "DeadlockError")
      interpreter.complaints.push(`deadlock: ${(error as Error).message}`);
  } finally {
    if (tap !== undefined) setTap(null);
  }
  interpreter.finish();
  if (loops.size !== before) interpreter.complaints.push("a loop was left behind");
  for (const report of host.reports) {
    if (report.kind !== "cleanup") interpreter.complaints.push(`reported: ${report.message}`);
  }
  return { log: interpreter.log.join("\n"), complaints: interpreter.complaints };
}
