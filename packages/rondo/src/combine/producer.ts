/**
 * A flow that does something of its own: a coroutine that gives items with `emit`.
 *
 * It runs as a task, because it has to survive the pulls: a `next()` that is cancelled must not take the coroutine with
 * it, and a scope that the coroutine opens must not be open in the task of whoever pulls (trio #638). Like every task it
 * belongs to a group: the one in which the flow was made, or, where that has ended, the one in which it is first pulled.
 */
import { BusyError, ClosedError } from "../coroutine/errors.ts";
import { kernel } from "../coroutine/kernel.ts";
import { type Coroutine, defineKind, grant, LateError, type Operation, Wait } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { Cancellation } from "../task/cancellation.ts";
import { groupAround, type GroupSegment } from "../task/group.ts";
import { cleanup } from "../task/scope.ts";
import type { Task } from "../task/task.ts";
import { checkItem, NOT_YET, type Source } from "./flow-source.ts";

/** Gives an item to whoever pulls the flow. */
export type Emit<T> = (item: T) => Operation<void>;

const PULL = defineKind({
  label: "flow",
  poll: (wait) => (wait.on as Producer<unknown>).hasNews(),
  begin(wait) {
    (wait.on as Producer<unknown>).pulled(wait);
  },
  abort(wait) {
    (wait.on as Producer<unknown>).puller = null;
    return true;
  },
  labelOf: (wait) => `flow ${(wait.on as Producer<unknown>).name}`,
});

const EMIT = defineKind({
  label: "emit",
  poll: (wait) => (wait.on as Door<unknown>).producer.give(wait),
  begin(wait) {
    (wait.on as Door<unknown>).producer.offer(wait);
  },
  labelOf: (wait) => `emit ${(wait.on as Door<unknown>).producer.name}`,
});

/** What stands for the producer in `emit`: there its own task waits for those who pull, and not they for it. */
class Door<T> {
  readonly producer: Producer<T>;
  constructor(producer: Producer<T>) {
    this.producer = producer;
  }
}

/** What a producer needs of the flows that it pulls. */
export interface Closable {
  _close(): void;
  _ended(): Operation<unknown>;
}

export interface ProducerOptions {
  /**
   * Whether a coroutine goes on as soon as its item was taken, and so works one item ahead. Otherwise it stands in `emit`
   * until the next pull, as a generator stands in `yield`.
   */
  readonly ahead?: boolean;
  /** The flows that the coroutine pulls: closed when nobody will pull this one any more, or the coroutine has ended. */
  readonly upstreams?: readonly Closable[];
}

export class Producer<T> implements Source<T> {
  readonly name: string;
  private readonly fn: (emit: Emit<T>) => Operation<unknown>;
  private readonly ahead: boolean;
  private readonly upstreams: readonly Closable[];
  /** Where it was made; its tasks go there. */
  private owner: GroupSegment | null;
  private task: Task<void> | null;
  /** The one who waits for an item. */
  puller: Wait | null;
  /** Handed to a puller that has been woken, or was cancelled in the same moment. */
  private held: T | undefined;
  /** Those who stand in `emit` with an item that nobody has taken, and those whose item was taken. */
  private readonly offered: WaitQueue;
  private readonly delivered: WaitQueue;
  private over: boolean;
  /** Gives the error that it ended with. One of ours is built where it is thrown, and most are never thrown. */
  private failure: (() => unknown) | undefined;

  constructor(fn: (emit: Emit<T>) => Operation<unknown>, name: string, options: ProducerOptions = {}) {
    this.name = name;
    this.fn = fn;
    this.ahead = options.ahead === true;
    this.upstreams = options.upstreams ?? [];
    const maker = kernel.current as Task | null;
    this.owner = maker?.loop === undefined ? null : groupAround(maker);
    this.task = null;
    this.puller = null;
    this.held = undefined;
    this.offered = new WaitQueue();
    this.delivered = new WaitQueue();
    this.over = false;
    this.failure = undefined;
  }

  /** For those who look for who waits for whom. */
  get holder(): Task | null {
    return this.task;
  }

  // ---- the side of those who pull -----------------------------------------------------------------------------------

  take(): T | undefined | typeof NOT_YET {
    const { held } = this;
    if (held !== undefined) {
      this.held = undefined;
      return held;
    }
    const wait = this.offered.shift();
    if (wait !== null) {
      if (this.ahead) grant(wait, undefined);
      else this.delivered.push(wait);
      return wait.arg as T;
    }
    if (!this.over) return NOT_YET;
    if (this.failure !== undefined) throw this.failure();
    return undefined;
  }

  ready(): Operation<void> {
    return new Wait<void>(PULL, this, undefined);
  }

  hasNews(): boolean {
    if (this.puller !== null) throw new BusyError(`two tasks pull the flow "${this.name}" at once: pull in one`);
    return this.held !== undefined || this.offered.length > 0 || this.over;
  }

  pulled(wait: Wait): void {
    this.puller = wait;
    if (this.task === null) this.start();
    else this.delivered.unpark(this.delivered.length);
  }

  private start(): void {
    const owner = this.owner?.isOpen === true ? this.owner : groupAround(kernel.current as Task);
    this.owner = null;
    this.task = owner.spawn(() => this.produce(), { name: this.name, daemon: true });
  }

  close(): void {
    const { task } = this;
    const problem = task === null ? this.closeUpstreams() : undefined;
    // Else what it pulls is closed when its tasks have ended: one that has just got an item must not hear of a closed flow.
    task?.cancelBy(new Cancellation("its flow was closed", undefined, task.loop.now(), false));
    this.finish(() => new ClosedError(`the flow "${this.name}" is closed`));
    if (problem !== undefined) throw problem();
  }

  *ended(): Coroutine<void> {
    const { task } = this;
    // Whoever uses the flow inside of its own producer would wait for itself. A cancellation waits, as for all cleanup.
    if (task !== null && !task.over && task !== kernel.current) yield* cleanup(task.ended());
    for (const upstream of this.upstreams) yield* upstream._ended();
  }

  // ---- the side of the coroutine ------------------------------------------------------------------------------------

  private *produce(): Coroutine<void> {
    const door = new Door(this);
    let failure: (() => unknown) | undefined = () =>
      new ClosedError(`the flow "${this.name}" was cancelled, together with the group to which it belongs`);
    try {
      yield* this.fn((item) => new Wait<void>(EMIT, door, checkItem(item, `the flow "${this.name}"`)));
      failure = undefined;
    } catch (error) {
      failure = () => error;
    } finally {
      const problem = this.closeUpstreams();
      this.finish(failure ?? problem);
    }
  }

  private closeUpstreams(): (() => unknown) | undefined {
    let problem: (() => unknown) | undefined;
    for (const upstream of this.upstreams) {
      try {
        upstream._close();
      } catch (error) {
        problem ??= () => error;
      }
    }
    return problem;
  }

  /** Gives an item without waiting, where that is possible. */
  give(wait: Wait): boolean {
    if (this.over) throw new ClosedError(`emit() of the flow "${this.name}" was called after its end`);
    return this.ahead && this.hand(wait);
  }

  offer(wait: Wait): void {
    if (this.hand(wait)) this.delivered.push(wait);
    else this.offered.push(wait);
  }

  private hand(wait: Wait): boolean {
    const { puller } = this;
    if (puller === null) return false;
    this.puller = null;
    this.held = wait.arg as T;
    grant(puller, undefined);
    return true;
  }

  /** The first end counts. */
  private finish(failure: (() => unknown) | undefined): void {
    if (this.over) return;
    this.over = true;
    this.failure = failure;
    const { puller } = this;
    this.puller = null;
    // What it ended in it learns when it takes.
    if (puller !== null) grant(puller, undefined);
    // Other tasks than the coroutine's own may stand in `emit` too.
    const gone = new LateError(
      () => new ClosedError(`emit() of the flow "${this.name}": it has ended, nobody takes the item`),
    );
    this.offered.break(gone);
    this.delivered.break(gone);
  }
}
