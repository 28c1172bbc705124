/**
 * The recorder: the last so many things that the kernel did, in a ring of fixed size.
 *
 * State is the truth (see `snapshot()`), the ring is the story of how it came about, and it forgets: when it is full the
 * oldest event makes room. So it can be left on for days. It keeps names and numbers, never tasks, so nothing is kept
 * alive by having been seen.
 */
import { kernel } from "../coroutine/kernel.ts";
import { setTap, type Tap, tell } from "../coroutine/tap.ts";
import type { Loop } from "../loop/loop.ts";
import type { Task } from "../task/task.ts";

/** Something that happened. */
export interface TraceEvent {
  /** When, in ms of the loop's clock. */
  readonly at: number;
  /** What: the name of the tap's site. */
  readonly what: keyof Tap;
  /** The number of the task that it happened to, or 0. */
  readonly task: number;
  /** The number of the task that did it (that spawned, that made ready), or 0. */
  readonly by: number;
  /** The name of the task, the scope, or the resource. */
  readonly name: string;
  /** What was waited for, how a task ended, why something was cancelled, when a timer will fire: as the site has it. */
  readonly detail: string;
}

/** How a {@link Recorder} is made. */
export interface RecorderOptions {
  /** How many events are kept; a power of two is not needed. */
  readonly capacity?: number | undefined;
}

const CAPACITY = 65_536;

/**
 * Records what the kernel does, from `start()` to `stop()`, on all loops. Meanwhile a tap that was set before hears of
 * everything too. Nothing here is a switch point.
 *
 * @example
 * ```ts
 * import { run, sleep, VirtualHost } from "rondo";
 * import { Recorder } from "rondo/trace";
 *
 * const recorder = new Recorder();
 * recorder.start();
 * await run(() => sleep(10), { name: "nap", host: new VirtualHost() });
 * recorder.stop();
 * for (const { at, what, name, detail } of recorder.events()) if (what === "waiting" || what === "exit") console.log(at, what, name, detail);
 * // prints: 0 waiting nap sleep
 * // prints: 10 exit nap done
 * ```
 */
export class Recorder {
  readonly capacity: number;
  /** How many events have been forgotten. */
  lost: number;
  // Lists of one thing each, written over in place: the ring itself makes no garbage.
  private readonly at: Float64Array;
  private readonly what: (keyof Tap)[];
  private readonly task: Float64Array;
  private readonly by: Float64Array;
  private readonly name: string[];
  private readonly detail: string[];
  private next: number;
  private count: number;
  private now: number;
  private before: Tap | null;
  private on: boolean;
  private readonly tap: Tap;

  constructor(options: RecorderOptions = {}) {
    const { capacity = CAPACITY } = options;
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`the capacity of a recorder is a whole number of 1 or more, not ${String(capacity)}`);
    }
    this.capacity = capacity;
    this.lost = 0;
    this.at = new Float64Array(capacity);
    this.what = [];
    this.task = new Float64Array(capacity);
    this.by = new Float64Array(capacity);
    this.name = [];
    this.detail = [];
    this.next = 0;
    this.count = 0;
    this.now = 0;
    this.before = null;
    this.on = false;
    this.tap = this.makeTap();
  }

  /** Whether it records. Another tap that was set meanwhile has taken its place. */
  get recording(): boolean {
    return kernel.tap === this.tap;
  }

  /** Begins to record, after what is there already. */
  start(): void {
    if (this.recording) throw new Error("the recorder records already");
    this.on = true;
    this.before = setTap(this.tap);
  }

  /** Puts back the tap that was there before. */
  stop(): void {
    if (this.recording) setTap(this.before);
    this.on = false;
    this.before = null;
  }

  /** Forgets everything. */
  clear(): void {
    this.next = 0;
    this.count = 0;
    this.lost = 0;
    this.what.length = 0;
    this.name.length = 0;
    this.detail.length = 0;
  }

  /** What is in the ring, oldest first. */
  events(): TraceEvent[] {
    const events: TraceEvent[] = [];
    const first = this.count < this.capacity ? 0 : this.next;
    for (let i = 0; i < this.count; i++) {
      const slot = (first + i) % this.capacity;
      events.push({
        at: this.at[slot] as number,
        what: this.what[slot] as keyof Tap,
        task: this.task[slot] as number,
        by: this.by[slot] as number,
        name: this.name[slot] as string,
        detail: this.detail[slot] as string,
      });
    }
    return events;
  }

  private add(what: keyof Tap, about: object | null, task: number, by: number, name: string, detail: string): void {
    const slot = this.next;
    this.at[slot] = this.clock(about);
    this.what[slot] = what;
    this.task[slot] = task;
    this.by[slot] = by;
    this.name[slot] = name;
    this.detail[slot] = detail;
    this.next = slot + 1 === this.capacity ? 0 : slot + 1;
    if (this.count < this.capacity) this.count++;
    else this.lost++;
  }

  /** The clock of the loop that `about` belongs to, or of the one that runs; else it stands where it was last seen. */
  private clock(about: object | null): number {
    const { loop, waiter } = (about ?? {}) as { loop?: Loop; waiter?: { loop?: Loop } | null };
    const known = loop ?? waiter?.loop ?? (kernel.current?.loop as Loop | undefined);
    if (known !== undefined) this.now = known.now();
    return this.now;
  }

  private makeTap(): Tap {
    // Every site passes what it heard to the tap before it: a monitor and a recorder may look at one program.
    const also = <Site extends keyof Tap>(site: Site, ...args: Parameters<NonNullable<Tap[Site]>>): void => {
      if (this.before === null) return;
      // In its own place, so that it may take itself off, and is taken off where it throws, and we are not.
      kernel.tap = this.before;
      tell(site, ...args);
      if (!this.on) return;
      this.before = kernel.tap;
      kernel.tap = this.tap;
    };
    const aboutTask = (what: keyof Tap, task: object, by: object | null, detail: string): void => {
      this.add(what, task, (task as Task).id, idOf(by), (task as Task).name, detail);
    };
    const aboutResource = (what: keyof Tap, resource: object, task: object | null): void => {
      this.add(what, task, idOf(task), 0, resourceName(resource), "");
    };
    const aboutLoop = (what: keyof Tap, loop: object): void => {
      this.add(what, { loop }, 0, 0, "loop", "");
    };
    return {
      spawn: (task, parent) => (aboutTask("spawn", task, parent, ""), also("spawn", task, parent)),
      ready: (task, by) => (aboutTask("ready", task, by, ""), also("ready", task, by)),
      stepBegin: (task) => (aboutTask("stepBegin", task, null, ""), also("stepBegin", task)),
      stepEnd: (task) => (aboutTask("stepEnd", task, null, ""), also("stepEnd", task)),
      exit: (task, outcome) => (aboutTask("exit", task, null, outcome), also("exit", task, outcome)),
      cancelRequested: (scope, reason) => {
        this.add(
          "cancelRequested",
          scope,
          idOf(scope),
          idOf(kernel.current),
          resourceName(scope),
          reason === undefined ? "" : String(reason),
        );
        also("cancelRequested", scope, reason);
      },
      cancelDelivered: (task) => (aboutTask("cancelDelivered", task, null, ""), also("cancelDelivered", task)),
      created: (resource) => (aboutResource("created", resource, kernel.current), also("created", resource)),
      acquired: (resource, task) => (aboutResource("acquired", resource, task), also("acquired", resource, task)),
      released: (resource, task) => (aboutResource("released", resource, task), also("released", resource, task)),
      waiting: (task, label, resource) => (
        aboutTask("waiting", task, null, label),
        also("waiting", task, label, resource)
      ),
      timerSet: (timer, at) => (
        this.add("timerSet", timer, idOf(kernel.current), 0, "timer", String(at)),
        also("timerSet", timer, at)
      ),
      timerFired: (timer) => (this.add("timerFired", timer, 0, 0, "timer", ""), also("timerFired", timer)),
      pollBegin: (loop) => (aboutLoop("pollBegin", loop), also("pollBegin", loop)),
      pollEnd: (loop) => (aboutLoop("pollEnd", loop), also("pollEnd", loop)),
    };
  }
}

function idOf(task: object | null): number {
  const id = (task as { id?: unknown } | null)?.id;
  return typeof id === "number" ? id : 0;
}

function resourceName(resource: object): string {
  const name = (resource as { name?: unknown }).name;
  return typeof name === "string" && name !== "" ? name : resource.constructor.name.toLowerCase();
}
