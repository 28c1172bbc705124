/**
 * The stages of a flow that work on several items at once: `merge` and `mapConcurrent`. Each is a producer, whose
 * coroutine opens a group for the tasks that it needs and gives what they find.
 */
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { WaitQueue } from "../coroutine/wait-queue.ts";
import { disposing } from "../task/defer.ts";
import { group, type Group } from "../task/group.ts";
import { checkConcurrency, operationFrom } from "./map.ts";
import { type Closable, type Emit, Producer } from "./producer.ts";

/** What these stages need of the flows before them. */
export interface Pullable<T> extends Closable {
  readonly name: string;
  next(): Operation<T | undefined>;
}

/** How `mapConcurrent` gives its results. */
export interface MapConcurrentOptions {
  /** Whether results come in the order of the items (the default), or as they are had. */
  readonly ordered?: boolean | undefined;
}

export function merged<T>(flows: readonly Pullable<T>[]): Producer<T> {
  return new Producer<T>((emit) => group((g) => pumpAll(g, flows, emit), { name: "merge" }), "merge", {
    ahead: true,
    upstreams: flows,
  });
}

function* pumpAll<T>(g: Group, flows: readonly Pullable<T>[], emit: Emit<T>): Coroutine<void> {
  for (const flow of flows) g.spawn(pump(flow, emit), { name: flow.name });
}

function* pump<T>(flow: Pullable<T>, emit: Emit<T>): Coroutine<void> {
  for (;;) {
    const item = yield* flow.next();
    if (item === undefined) return;
    yield* emit(item);
  }
}

export function mappedConcurrently<T, U>(
  upstream: Pullable<T>,
  concurrency: number,
  fn: (item: T, index: number) => Operation<U>,
  { ordered = true }: MapConcurrentOptions,
): Producer<U> {
  checkConcurrency(concurrency, "mapConcurrent");
  if (typeof fn !== "function") throw new TypeError(`mapConcurrent() takes a function* (item) {…}, not ${String(fn)}`);
  const name = `${upstream.name}.mapConcurrent`;
  return new Producer<U>(
    (emit) => group((g) => new ConcurrentMap(upstream, concurrency, fn, ordered, emit).feed(g), { name }),
    name,
    { ahead: true, upstreams: [upstream] },
  );
}

/** Items in work, or done and not taken, are never more than `concurrency`. */
class ConcurrentMap<T, U> {
  private readonly upstream: Pullable<T>;
  private readonly concurrency: number;
  private readonly fn: (item: T, index: number) => Operation<U>;
  private readonly ordered: boolean;
  private readonly emit: Emit<U>;
  private busy = 0;
  /** Where the one who pulls waits until there is room for another item. */
  private readonly room = new WaitQueue();
  /** Whose result is due, where they are to come in order, and those who wait for their turn. */
  private turn = 0;
  private readonly turns = new Map<number, WaitQueue>();

  constructor(
    upstream: Pullable<T>,
    concurrency: number,
    fn: (item: T, index: number) => Operation<U>,
    ordered: boolean,
    emit: Emit<U>,
  ) {
    this.upstream = upstream;
    this.concurrency = concurrency;
    this.fn = fn;
    this.ordered = ordered;
    this.emit = emit;
  }

  *feed(g: Group): Coroutine<void> {
    for (let index = 0; ; index++) {
      if (this.busy === this.concurrency) yield* this.room.park("room");
      const item = yield* this.upstream.next();
      if (item === undefined) return;
      this.busy++;
      g.spawn(this.work(item, index), { name: `${g.name} ${index}` });
    }
  }

  private *work(item: T, index: number): Coroutine<void> {
    const result = yield* operationFrom("mapConcurrent", this.fn(item, index));
    let taken = false;
    try {
      if (this.ordered && this.turn !== index) {
        const mine = new WaitQueue();
        this.turns.set(index, mine);
        yield* mine.park("turn");
      }
      yield* this.emit(result);
      taken = true;
    } finally {
      if (!taken) yield* disposing(result);
    }
    this.turn = index + 1;
    this.turns.get(this.turn)?.unpark();
    this.turns.delete(this.turn);
    this.busy--;
    this.room.unpark();
  }
}
