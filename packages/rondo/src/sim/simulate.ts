/**
 * One run of a program in a world of its own, from its first step to its last, without ever leaving the call.
 */
import type { Operation } from "../coroutine/wait.ts";
import type { Report } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";
import type { Task } from "../task/task.ts";
import { Choices, type Draw, type Recording } from "./choices.ts";
import { Engine, type Told } from "./engine.ts";
import { type Fenced as FencedWorld, type FenceName, forbidden, raiseFences } from "./fences.ts";
import { SimNetwork, type SimNetworkOptions } from "./network.ts";
import type { SimNode } from "./node.ts";
import { type Policy, fifo } from "./policy.ts";
import { addServices } from "./services.ts";
import { type StepRecord, StepRecorder } from "./steps.ts";
import { decodeToken } from "./token.ts";
import { World } from "./world.ts";

/** How a program is simulated. */
export interface SimulateOptions {
  /** What chance does: the same seed gives the same run. Without one all is tame: first in, first out, no faults. */
  readonly seed?: number | undefined;
  /** How the next task is chosen; `fifo` where nothing is said. */
  readonly policy?: Policy | undefined;
  /** The choices of an earlier run, made again: as they were recorded, or as a token. */
  readonly replay?: Recording | string | undefined;
  /**
   * About how many decisions the run will have (moments at which two or more tasks are ready): for policies that place
   * something among them. `check` measures it.
   */
  readonly expected?: number | undefined;
  /** How much time may pass in the world, in ms; a day where nothing is said. */
  readonly maxVirtual?: number | undefined;
  /** How many steps tasks may do in all; a million where nothing is said. */
  readonly maxSteps?: number | undefined;
  /** What the network is like; with the troubles that the seed draws where nothing is said. */
  readonly network?: SimNetworkOptions | undefined;
  /** What the clock on the wall shows at the start, in ms since 1970; the first moment of 2000 where nothing is said. */
  readonly wallClock?: number | undefined;
  /**
   * What may leave the world: files, say, that are read and never written. A run that depends on it may not be the same
   * when it is replayed.
   */
  readonly allow?: readonly FenceName[] | undefined;
  /** Whether it is a failure when a program ends and leaves sockets or timers behind; true where nothing is said. */
  readonly leaks?: boolean | undefined;
  /**
   * Writes down each step with its line, each draw, and what was done to the world: slow, and for telling the story. With
   * `steps`, about how many there will be, only the first and the last of a long run have their lines, and those around
   * what is out of order.
   */
  readonly record?: boolean | { readonly steps: number } | undefined;
}

/** What came of a run. */
export interface Run<T = unknown> {
  /** It ended, with nothing to complain of. */
  readonly ok: boolean;
  /** What the body gave. */
  readonly value: T | undefined;
  /** Why it failed. */
  readonly error: unknown;
  /** How much time passed in the world, in ms. */
  readonly virtual: number;
  readonly steps: number;
  /** How many packets the network carried. */
  readonly packets: number;
  /** Over everything that happened: two runs are the same if it is. */
  readonly hash: string;
  readonly seed: number;
  readonly policy: string;
  /** Every choice that was made: replays the run. */
  readonly choices: Recording;
  /** Out of how many the numbers of a stream were drawn. */
  readonly limitsOf: (stream: string) => readonly number[];
  /** What was reported, by node. */
  readonly reports: readonly { readonly node: string; readonly report: Report }[];
  /** How often each `sometimes` held, by name. */
  readonly sometimes: ReadonlyMap<string, number>;
  /** For a failed run: who waited for what and where when it failed. */
  readonly waiting: string;
  /** What was done to the world; only when recorded. */
  readonly story: readonly Told[];
  /** Every step; only when recorded. */
  readonly table: readonly StepRecord[];
  /** Every draw with its label; only when recorded. */
  readonly draws: readonly Draw[];
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Runs a program once in a simulated world: virtual time, a drawn schedule, no real input or output. Synchronous: when the
 * call is over so is the run. Never throws what the program threw; look at `ok` and `error`.
 *
 * The body runs on a node of its own, named `world`. When it has ended the other nodes are stopped, and nothing may be left.
 *
 * @example
 * ```ts
 * import { Channel, group } from "rondo";
 * import { simulate } from "rondo/sim";
 *
 * const run = simulate({ seed: 7 }, function* (world) {
 *   const channel = new Channel<number>(1);
 *   return yield* group(function* (g) {
 *     g.spawn(() => channel.send(world.integer(1, 6)));
 *     return (yield* channel.receive()) as number;
 *   });
 * });
 * console.log(run.ok, (run.value as number) >= 1, (run.value as number) <= 6); // prints: true true true
 * ```
 */
export function simulate<T>(options: SimulateOptions, body: (world: World) => Operation<T>): Run<T> {
  if (typeof body !== "function") throw new TypeError("simulate() takes options and a function: simulate({}, body)");
  const { seed, policy = fifo, replay, record = false } = options;
  const draws: Draw[] = [];
  const choices = new Choices({
    seed,
    recording: typeof replay === "string" ? decodeToken(replay) : replay,
    onDraw: record !== false ? (draw) => void draws.push(draw) : undefined,
  });
  const engine = new Engine({
    choices,
    policy,
    seed: seed ?? 0,
    maxVirtual: options.maxVirtual ?? DAY,
    maxSteps: options.maxSteps ?? 1_000_000,
    expected: options.expected,
    wallClock: options.wallClock ?? Date.UTC(2000, 0, 1),
    leaks: options.leaks ?? true,
    telling: record !== false,
  });
  const network = new SimNetwork(engine, options.network);
  engine.parts.push(network);
  engine.services.set("network", (node) => network.networkFor(node));
  addServices(engine);
  const world = new World(engine, network);
  const recorder = record === false ? undefined : new StepRecorder(engine, record === true ? Infinity : record.steps);
  if (recorder !== undefined) engine.onStep = (task, loop) => recorder.note(task, loop);
  const lower = raiseFences(new Fenced(engine, options.allow ?? []));
  let main: Task<T>;
  try {
    main = begin(engine, world, body);
    drive(engine);
    if (engine.failure === null && main.state === "done") {
      world.properties.end();
      wind(engine);
    }
  } finally {
    lower();
  }
  const failed = engine.failure !== null;
  const waiting = failed ? engine.describe() : "";
  for (const { loop } of engine.nodes) loop?.drop();
  return {
    ok: !failed,
    value: main.state === "done" ? (main.value as T) : undefined,
    error: engine.failure?.error,
    virtual: engine.time,
    steps: engine.steps,
    packets: network.statistics().packets,
    hash: engine.hash.toString(),
    seed: seed ?? 0,
    policy: policy.name,
    choices: choices.record(),
    limitsOf: (stream) => choices.limitsOf(stream),
    reports: engine.reports,
    sometimes: world.properties.seen,
    waiting,
    story: engine.story,
    table: recorder?.table ?? [],
    draws,
  };
}

/** The world as the fences see it. */
class Fenced implements FencedWorld {
  readonly clockwork: Engine;
  readonly allow: ReadonlySet<FenceName>;

  constructor(engine: Engine, allow: readonly FenceName[]) {
    this.clockwork = engine;
    this.allow = allow.length === 0 ? NONE : new Set(allow);
    engine.forbid = forbidden;
  }

  wallClock(): number {
    return this.clockwork.wallStart + this.clockwork.time;
  }

  nameOf(loop: Loop): string {
    return this.clockwork.nodes.find((node) => node.loop === loop)?.name ?? "nobody";
  }

  /** The end of the process, on a real machine. */
  uncaught(error: unknown): void {
    this.clockwork.fail(error);
  }
}

const NONE: ReadonlySet<FenceName> = new Set();

/** The body as the program of the first node. */
function begin<T>(engine: Engine, world: World, body: (world: World) => Operation<T>): Task<T> {
  const node = engine.addNode("world", () => body(world), { address: "10.255.255.254" });
  node.start();
  node.onEnded((end) => {
    engine.finished = true;
    if (end.how !== "done") engine.fail(end.error);
  });
  return node.main as Task<T>;
}

/** Until the body has ended, or nothing can. */
function drive(engine: Engine): void {
  if (!engine.drive()) engine.fail(engine.stuck());
}

/** The body has ended: whoever is still up is stopped, and has its cleanup. */
function wind(engine: Engine): void {
  const up = engine.nodes.filter((node: SimNode) => node.up);
  if (up.length === 0) return;
  let running = up.length;
  engine.finished = false;
  for (const node of up) {
    node.onEnded(() => {
      if (--running === 0) engine.finished = true;
    });
    node.halt("the simulation is over");
  }
  drive(engine);
}
