/**
 * The simulated world's machinery: one list of ready tasks, one clock, one heap of what is to happen.
 *
 * Read `drive()`, `step()` and `advance()`; that is all of it. A task is drawn from those that are ready and stepped; when
 * none is, what is due happens; when nothing is due, the clock jumps to what is next. It is one synchronous loop, so a run
 * depends on nothing but its choices.
 */
import { DeadlockError } from "../coroutine/errors.ts";
import type { Operation } from "../coroutine/wait.ts";
import { backTo, type Fiber } from "../coroutine/fiber.ts";
import { FUEL, kernel, type Stepper } from "../coroutine/kernel.ts";
import type { Report } from "../loop/host.ts";
import type { Runnable } from "../loop/loop.ts";
import { type Timed, Timers } from "../loop/timers.ts";
import { Task } from "../task/task.ts";
import { type ChoiceStream, type Choices, hashText } from "./choices.ts";
import type { Clockwork, Part } from "./clockwork.ts";
import { LeakError, SimBudgetError, textOf } from "./errors.ts";
import { StepHash } from "./hash.ts";
import type { SimLoop } from "./loop.ts";
import { type NodeEnd, type NodeOptions, SimNode } from "./node.ts";
import { CUTS, type Picker, type Policy } from "./policy.ts";
import { ReadyList } from "./ready.ts";

/** Timers that became due while tasks keep the world busy are looked for once in so many steps, as on the real loop. */
const STEPS_A_LOOK = 64;
/**
 * Time stands still while anything is ready. Not for ever: somebody who looks again and again whether it is time yet would
 * never see it come. After so many steps at one instant, each thousand more takes a millisecond.
 */
const PATIENCE = 100_000;
/** A place that makes trouble is armed in one run of so many, and makes it one time in so many. */
const ARMED = 2;
const STRIKES = 4;

/** Something that was done to the world. */
export interface Told {
  /** In ms of the world's time. */
  readonly time: number;
  /** How many steps had been done. */
  readonly step: number;
  readonly text: string;
}

/** What an engine is given. */
export interface EngineOptions {
  readonly choices: Choices;
  readonly policy: Policy;
  readonly seed: number;
  readonly maxVirtual: number;
  readonly maxSteps: number;
  /** About how many decisions the run will have, for policies. */
  readonly expected: number | undefined;
  readonly wallClock: number;
  readonly leaks: boolean;
  /** Makes the texts of the story. */
  readonly telling: boolean;
}

export class Engine implements Clockwork, Stepper {
  time: number;
  readonly events: Timers<Timed>;
  readonly background: Timers<Timed>;
  readonly choices: Choices;
  readonly telling: boolean;
  readonly wallStart: number;
  readonly ready: ReadyList<SimLoop>;
  readonly nodes: SimNode[];
  readonly parts: Part[];
  readonly story: Told[];
  readonly reports: { readonly node: string; readonly report: Report }[];
  readonly hash: StepHash;
  steps: number;
  failure: { readonly error: unknown } | null;
  /** Set by whoever drives: the drive ends after this step. */
  finished: boolean;
  /** Is called after each step; for conditions that must hold always. */
  afterStep: (() => void) | null;
  /** For those who write the steps down: who had been ready longest and was passed over in this step, and where it was cut. */
  overtaken: Runnable | null;
  cut: number;
  /** Is told of each step; for those who write it down. */
  onStep: ((task: Task, loop: SimLoop) => void) | null;
  /** What a node asks of its host by name, beyond the parts. */
  readonly services: Map<string, (node: SimNode) => unknown>;
  /** An error for what must not leave the world. */
  forbid: (what: string) => Error | undefined;
  private readonly options: EngineOptions;
  private readonly schedule: ChoiceStream;
  /** Apart from the schedule, so that one of them can be made smaller without the other becoming another story. */
  private readonly cuts: ChoiceStream;
  private readonly picker: Picker;
  private readonly preempts: boolean;
  private readonly propose: () => number;
  private readonly proposeCut: () => number;
  private readonly labels: Map<string, number>;
  private readonly armed: Map<string, boolean>;
  private current: Fiber | null;
  private lastLoop: SimLoop | null;
  private lastTime: number;
  /** The number of the first task, so that a run does not depend on those before it. */
  private firstId: number;
  private atInstant: number;
  private next: Runnable | null;

  constructor(options: EngineOptions) {
    const { choices, policy } = options;
    this.options = options;
    this.time = 0;
    this.events = new Timers();
    this.background = new Timers();
    this.choices = choices;
    this.telling = options.telling;
    this.wallStart = options.wallClock;
    this.ready = new ReadyList();
    this.nodes = [];
    this.parts = [];
    this.story = [];
    this.reports = [];
    this.hash = new StepHash();
    this.steps = 0;
    this.failure = null;
    this.finished = false;
    this.afterStep = null;
    this.overtaken = null;
    this.cut = 0;
    this.onStep = null;
    this.services = new Map();
    this.forbid = () => undefined;
    this.schedule = choices.stream("schedule");
    this.cuts = choices.stream("cuts");
    const { seed, maxSteps, expected } = options;
    this.picker = policy.begin(choices.stream("policy"), { seed, maxSteps, expected });
    // Drawn, so that a replay knows it without the policy.
    this.preempts = choices.stream("preemption").take(2, () => (policy.preempts ? 1 : 0)) === 1;
    this.propose = () => this.picker.pick(this.ready);
    this.proposeCut = () => this.picker.cut(this.next as Runnable);
    this.labels = new Map();
    this.armed = new Map();
    this.current = null;
    this.lastLoop = null;
    this.lastTime = -1;
    this.firstId = -1;
    this.atInstant = 0;
    this.next = null;
  }

  get seed(): number {
    return this.options.seed;
  }

  /** A node; its program has not begun. */
  addNode(name: string, program: (node: SimNode) => Operation<unknown>, options: NodeOptions): SimNode {
    if (this.nodes.some((node) => node.name === name))
      throw new Error(`there is a node "${name}" already: give each its own name`);
    const node = new SimNode(this, this.nodes.length, name, program, options);
    this.nodes.push(node);
    for (const part of this.parts) part.added?.(node);
    return node;
  }

  /** The fiber that is stepped: the kernel asks. */
  get stepped(): Fiber {
    return this.current as Fiber;
  }

  /** Goes on until `finished` is set, something has failed, or nothing can happen any more (then false). */
  drive(): boolean {
    const { stepper, fuel } = kernel;
    kernel.stepper = null;
    kernel.fuel = 0;
    try {
      while (this.failure === null && !this.finished) {
        if (this.ready.size > 0) this.step();
        else if (!this.advance()) return false;
      }
      return true;
    } finally {
      kernel.ration = FUEL;
      backTo(stepper, fuel);
    }
  }

  private step(): void {
    if (this.steps >= this.options.maxSteps) {
      this.fail(new SimBudgetError("steps", `${this.options.maxSteps} steps were done`, this.describe()));
      return;
    }
    const { ready } = this;
    const at = ready.size === 1 ? 0 : this.schedule.take(ready.size, this.propose);
    if (this.onStep !== null) this.overtaken = at === 0 ? null : ready.at(0);
    const task = ready.take(at) as Runnable & Fiber;
    const loop = ready.owner as SimLoop;
    if (this.preempts) {
      this.next = task;
      this.cut = this.cuts.take(CUTS, this.proposeCut);
      kernel.ration = this.cut === 0 ? FUEL : this.cut - 1;
    }
    if (loop !== this.lastLoop || this.time !== this.lastTime) this.turnTo(loop);
    this.current = task;
    kernel.stepper = this;
    try {
      task.step();
    } catch (error) {
      // A step never throws what the program threw: this is a fault of the runtime or of the simulator.
      this.fail(error);
    }
    kernel.stepper = null;
    kernel.fuel = 0;
    this.steps++;
    loop.steps++;
    this.addToHash(task, loop);
    if (this.onStep !== null && task instanceof Task) this.onStep(task, loop);
    if (this.afterStep !== null && this.failure === null) this.afterStep();
    if (this.events.earliest <= this.time) this.fireDue();
    if ((++this.atInstant & (STEPS_A_LOOK - 1)) === 0) this.keepTime();
  }

  private turnTo(loop: SimLoop): void {
    this.lastLoop = loop;
    if (this.time !== this.lastTime) {
      this.lastTime = this.time;
      this.hash.add(Math.floor(this.time * 1000));
    }
    kernel.clock = Math.floor(loop.now());
  }

  private addToHash(task: Runnable & Fiber, loop: SimLoop): void {
    const id = (task as unknown as { id: number }).id;
    if (this.firstId < 0) this.firstId = id;
    let code = 1;
    if (task instanceof Task) {
      const { wait } = task;
      code = task.over ? task.outcome : wait === null ? 2 : this.codeOf(wait.kind.label);
      this.hash.add((id - this.firstId + 1) ^ (loop.index << 20));
    }
    this.hash.add(code);
  }

  private codeOf(label: string): number {
    let code = this.labels.get(label);
    if (code === undefined) {
      code = hashText(label);
      this.labels.set(label, code);
    }
    return code;
  }

  /** Nothing is ready: lets happen what is due, or moves the clock to what is next. False where nothing ever will. */
  private advance(): boolean {
    let strong = this.events.earliest;
    let any = Math.min(strong, this.background.earliest);
    for (const node of this.nodes) {
      const { loop } = node;
      if (loop === null || node.paused) continue;
      if (loop.stuck) {
        loop.onDeadlock?.();
        if (this.ready.size > 0 || this.failure !== null) return true;
      }
      const { timers } = loop;
      if (timers.size === 0) continue;
      const at = node.worldTime(timers.earliest);
      if (at < any) any = at;
      if (timers.size > loop.weak && at < strong) strong = at;
    }
    // What only watches, and what never ends, is nothing to wait for.
    if (strong === Infinity) return false;
    if (any > this.options.maxVirtual) {
      this.time = this.options.maxVirtual;
      this.fail(new SimBudgetError("time", `${this.options.maxVirtual} ms passed in the world`, this.describe()));
      return true;
    }
    if (any > this.time) this.time = any;
    this.atInstant = 0;
    this.fireDue();
    this.fireNodes();
    return true;
  }

  private fireDue(): void {
    this.events.fireDue(this.time);
    this.background.fireDue(this.time);
  }

  private fireNodes(): void {
    // By number: a timer may start a node, or crash one.
    for (let i = 0; i < this.nodes.length; i++) {
      const node = this.nodes[i] as SimNode;
      const { loop } = node;
      if (loop === null || node.paused || loop.timers.size === 0) continue;
      const { earliest } = loop.timers;
      // Not by the node's clock alone: with a drift, rounding could leave it a hair before its own timer for ever.
      if (node.worldTime(earliest) <= this.time) loop.timers.fireDue(Math.max(earliest, node.now()));
    }
  }

  /** The world is busy: what has become due meanwhile has its turn as well. */
  private keepTime(): void {
    if (this.atInstant > PATIENCE) this.time += STEPS_A_LOOK / 1000;
    this.fireDue();
    this.fireNodes();
  }

  // ---- what nodes tell ---------------------------------------------------------------------------------------------

  tell(text: string): void {
    if (this.telling) this.story.push({ time: this.time, step: this.steps, text });
  }

  report(node: SimNode, report: Report): void {
    this.reports.push({ node: node.name, report });
    this.tell(`${node.name} reports: ${report.message}`);
  }

  /** The run has failed: the first failure counts, and everything stays as it is now. */
  fail(error: unknown): void {
    this.failure ??= { error };
  }

  crashed(node: SimNode): void {
    for (const part of this.parts) part.crashed(node);
  }

  /** The faults are over, for these at least. */
  calm(core: readonly SimNode[]): void {
    this.tell(`the faults end, at least for ${core.map(({ name }) => name).join(", ")}`);
    for (const part of this.parts) part.calm?.(core);
    for (const node of core) node.revive();
  }

  programFailed(node: SimNode, error: unknown): void {
    if (this.telling) this.tell(`${node.name} fails: ${textOf(error)}`);
    this.fail(error);
  }

  programEnded(node: SimNode, loop: SimLoop, end: NodeEnd): void {
    const left: string[] = [];
    if (this.options.leaks && end.how !== "failed") {
      for (const part of this.parts) left.push(...part.held(node));
      const timers = loop.timers.size - loop.weak;
      if (timers > 0) left.push(timers === 1 ? "a timer" : `${timers} timers`);
      if (loop.outside !== 0) left.push(`a wait for something outside (${loop.outside} by the count of its loop)`);
    }
    for (const part of this.parts) part.ended(node);
    if (left.length > 0) this.fail(new LeakError(node.name, left));
  }

  serviceFor(node: SimNode, name: string): unknown {
    return this.services.get(name)?.(node);
  }

  forbids(what: string): Error | undefined {
    return this.forbid(what);
  }

  buggify(name: string): boolean {
    let armed = this.armed.get(name);
    if (armed === undefined) {
      armed = this.choices.choose("buggify", ARMED, name) === ARMED - 1;
      this.armed.set(name, armed);
      if (armed) this.tell(`"${name}" makes trouble in this run`);
    }
    return armed && this.choices.choose(`buggify ${name}`, STRIKES) === STRIKES - 1;
  }

  // ---- words -------------------------------------------------------------------------------------------------------

  /** Who waits for what and where, on every node. */
  describe(): string {
    const texts: string[] = [];
    for (const node of this.nodes) {
      const text = node.describe();
      if (text !== "") texts.push(`on ${node.name}${node.paused ? " (which stands still)" : ""}:\n${text}`);
    }
    return texts.join("\n");
  }

  /** The error for a world in which nothing can happen any more. */
  stuck(): DeadlockError {
    return new DeadlockError(
      `nothing can happen any more in this world: nobody is ready, no timer is set, and nothing is on its way\n${this.describe()}`,
    );
  }
}
