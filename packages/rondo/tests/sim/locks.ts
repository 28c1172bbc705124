/** What lets some in and keeps others out: locks, permits, limits, and waiting for a condition. */
import {
  Condition,
  type Coroutine,
  Limiter,
  Lock,
  now,
  RateLimiter,
  RWLock,
  Semaphore,
  type Wait,
} from "../../src/index.ts";
import { assertLinearizable, defineModel, fifoQueue, type History, permits, type World } from "../../src/sim/index.ts";
import { type Actor, actors } from "./actors.ts";
import type { Programs } from "./campaign.ts";

/** Something that is acquired and given back, in whatever way. */
interface Entrance {
  readonly op: string;
  readonly release: string;
  readonly input?: unknown;
  readonly acquire: () => Wait<void>;
  readonly tryAcquire: () => boolean;
  readonly leave: () => void;
  /** How many wait for it. */
  readonly waiting: () => number;
}

/** Goes in if it can, stays a while, and leaves whatever happens. */
function* visit(actor: Actor, at: Entrance, inside: { count: number }): Coroutine<void> {
  if (actor.world.choose(4, "try") === 3) {
    const passed = at.waiting();
    if (!actor.now(`try ${at.op}`, at.input, at.tryAcquire)) return;
    actor.world.always("who only tries passes nobody who waits", passed === 0);
  } else if ((yield* actor.attempt(at.op, at.input, at.acquire)) === undefined) return;
  inside.count++;
  try {
    yield* actor.pause();
  } finally {
    inside.count--;
    actor.now(at.release, at.input, at.leave);
  }
}

/** Whether a history of `acquire`, `try acquire` and `release` is one of so many permits. */
function permitted(history: History, count: number): void {
  const model = permits(count);
  assertLinearizable(history, {
    ...model,
    step: (state, asked) => model.step(state, asked.op === "try acquire" ? { ...asked, op: "tryAcquire" } : asked),
  });
}

function* lock(world: World): Coroutine<void> {
  const lock = new Lock();
  const history = world.history({ cancelled: "fail" });
  const inside = { count: 0 };
  world.always("one holder at most", () => inside.count <= 1);
  world.always("nobody waits for a free lock", () => lock.holder !== null || lock.statistics().waiters === 0);
  const entrance: Entrance = {
    op: "acquire",
    release: "release",
    acquire: () => lock.acquire(),
    tryAcquire: () => lock.tryAcquire(),
    leave: () => lock.release(),
    waiting: () => lock.statistics().waiters,
  };
  yield* actors(
    world,
    (actor) => {
      world.sometimes("somebody waits for a lock", lock.statistics().waiters > 0);
      return visit(actor, entrance, inside);
    },
    { history },
  );
  world.always("nobody holds the lock in the end", lock.holder === null && lock.statistics().waiters === 0);
  permitted(history, 1);
}

function* semaphore(world: World): Coroutine<void> {
  const count = world.integer(1, 3);
  const semaphore = new Semaphore(count);
  const history = world.history({ cancelled: "fail" });
  const inside = { count: 0 };
  world.always("no more inside than there are permits", () => inside.count <= count);
  world.always("permits are conserved", () => inside.count + semaphore.statistics().available <= count);
  world.always("nobody waits for a free permit", () => {
    const { available, waiters } = semaphore.statistics();
    return available === 0 || waiters === 0;
  });
  const entrance: Entrance = {
    op: "acquire",
    release: "release",
    acquire: () => semaphore.acquire(),
    tryAcquire: () => semaphore.tryAcquire(),
    leave: () => semaphore.release(),
    waiting: () => semaphore.statistics().waiters,
  };
  yield* actors(world, (actor) => visit(actor, entrance, inside), { history });
  world.always("all permits are back", semaphore.statistics().available === count);
  permitted(history, count);
}

/** Readers, or one writer. */
const readersAndWriters = defineModel<{ readonly readers: number; readonly writing: boolean }>({
  name: "reader-writer lock",
  initial: () => ({ readers: 0, writing: false }),
  apply(state, op) {
    const { readers, writing } = state;
    const free = readers === 0 && !writing;
    switch (op) {
      case "read":
        return writing ? undefined : { state: { readers: readers + 1, writing } };
      case "write":
        return free ? { state: { readers, writing: true } } : undefined;
      case "try write":
        return { state: free ? { readers, writing: true } : state, output: free };
      case "leave":
        return readers > 0 ? { state: { readers: readers - 1, writing } } : undefined;
      case "stop writing":
        return writing ? { state: { readers, writing: false } } : undefined;
      default:
        throw new Error(op);
    }
  },
});

function* rwLock(world: World): Coroutine<void> {
  const lock = new RWLock();
  const history = world.history({ cancelled: "fail" });
  const [reading, writing] = [{ count: 0 }, { count: 0 }];
  world.always("readers or one writer", () => writing.count <= 1 && (writing.count === 0 || reading.count === 0));
  world.always("nobody waits for a free lock", () => {
    const { writer, readers, waitingReaders, waitingWriters } = lock.statistics();
    if (writer !== undefined) return true;
    if (waitingWriters === 0 && waitingReaders > 0) return "a reader waits though nobody writes or wants to";
    return readers > 0 || waitingReaders + waitingWriters === 0 || "somebody waits though nobody is inside";
  });
  const waiting = (): number => lock.statistics().waitingReaders + lock.statistics().waitingWriters;
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (world.choose(3, "write") === 0) {
        const entrance: Entrance = {
          op: "write",
          release: "stop writing",
          acquire: () => lock.write(),
          tryAcquire: () => lock.tryWrite(),
          leave: () => lock.release(),
          waiting,
        };
        yield* visit(actor, entrance, writing);
        return;
      }
      if (world.choose(5, "try") === 4) {
        const passed = waiting();
        if (!lock.tryRead()) return;
        world.always("a reader who only tries passes no writer who waits", passed === 0);
        lock.release();
        return;
      }
      if ((yield* actor.attempt("read", undefined, () => lock.read())) === undefined) return;
      reading.count++;
      world.sometimes("two read at once", reading.count > 1);
      try {
        yield* actor.pause();
      } finally {
        reading.count--;
        actor.now("leave", undefined, () => lock.release());
      }
    },
    { history },
  );
  const { writer, readers, waitingReaders, waitingWriters } = lock.statistics();
  world.always("nobody is left", writer === undefined && readers + waitingReaders + waitingWriters === 0);
  assertLinearizable(history, readersAndWriters);
}

/** Tokens whose number changes; those in use are never called back. */
const changingTokens = (total: number) =>
  defineModel<{ readonly total: number; readonly used: number }>({
    name: "limiter",
    initial: () => ({ total, used: 0 }),
    apply(state, op, input: number) {
      const free = state.used < state.total;
      switch (op) {
        case "acquire":
          return free ? { state: { ...state, used: state.used + 1 } } : undefined;
        case "try acquire":
          return { state: free ? { ...state, used: state.used + 1 } : state, output: free };
        case "release":
          return { state: { ...state, used: state.used - 1 } };
        case "resize":
          return { state: { ...state, total: input } };
        default:
          throw new Error(op);
      }
    },
  });

function* limiter(world: World): Coroutine<void> {
  const total = world.integer(1, 3);
  const limiter = new Limiter(total);
  const history = world.history({ cancelled: "fail" });
  const inside = { count: 0 };
  world.always("nobody waits for a free token", () => {
    const { borrowed, total, waiters } = limiter.statistics();
    return borrowed >= total || waiters === 0;
  });
  world.always("tokens in use are counted", () => inside.count <= limiter.borrowed);
  const entrance: Entrance = {
    op: "acquire",
    release: "release",
    acquire: () => limiter.acquire(),
    tryAcquire: () => limiter.tryAcquire(),
    leave: () => limiter.release(),
    waiting: () => limiter.statistics().waiters,
  };
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (world.choose(5, "resize") === 4) {
        const size = world.choose(4, "size");
        actor.now("resize", size, () => {
          limiter.total = size;
        });
      } else yield* visit(actor, entrance, inside);
    },
    { history },
  );
  world.always("all tokens are back", limiter.borrowed === 0 && limiter.statistics().waiters === 0);
  assertLinearizable(history, changingTokens(total));
}

/** A bounded buffer as in every textbook: one lock, and a condition for either side. */
function* condition(world: World): Coroutine<void> {
  const capacity = world.integer(1, 3);
  const lock = new Lock();
  const [filled, emptied] = [new Condition({ lock }), new Condition({ lock })];
  const history = world.history({ cancelled: "fail" });
  const items: number[] = [];
  let next = 0;
  world.always("the buffer is not overfull", () => items.length <= capacity);
  const mine = (actor: Actor) => lock.holder?.name === actor.name;
  /** As `attempt`, for what happens under a lock: it is in no doubt once it is done. */
  function* locked<T>(
    actor: Actor,
    op: string,
    input: unknown,
    on: Condition,
    body: () => Coroutine<T>,
  ): Coroutine<void> {
    yield* actor.within(function* () {
      const call = history.begin(actor.name, op, input);
      let done: { readonly value: T } | undefined;
      try {
        yield* on.acquire();
        try {
          const value = yield* body();
          done = { value };
        } finally {
          world.always("whoever comes back from a wait holds the lock", mine(actor));
          on.release();
        }
      } finally {
        if (done === undefined) history.fail(call);
        else history.ok(call, done.value);
      }
    });
  }
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (world.choose(5, "hold") === 4) {
        // Somebody has the lock for a while: who is notified meanwhile waits for it, and may be cancelled there.
        yield* actor.within(() => lock.with(() => actor.pause()));
      } else if (actor.index % 2 === 0) {
        const item = next++;
        yield* locked(actor, "put", item, emptied, function* () {
          yield* emptied.waitFor(() => items.length < capacity);
          items.push(item);
          filled.notify();
        });
      } else {
        yield* locked(actor, "get", undefined, filled, function* () {
          world.sometimes("a getter finds the buffer empty", items.length === 0);
          yield* filled.waitFor(() => items.length > 0);
          emptied.notify();
          return items.shift();
        });
      }
    },
    {
      history,
      atRest() {
        world.always("no getter sleeps beside an item", items.length === 0 || filled.statistics().waiters === 0);
        world.always("no putter sleeps beside room", items.length === capacity || emptied.statistics().waiters === 0);
      },
    },
  );
  const { holder, waiters, lockWaiters } = filled.statistics();
  world.always("nobody is left at the condition", holder === undefined && waiters + lockWaiters === 0);
  assertLinearizable(history, fifoQueue({ capacity }));
}

/** Whoever is notified and cancelled in the same moment hands the notification on: nobody sleeps beside work to be done. */
function* notifications(world: World): Coroutine<void> {
  const condition = new Condition();
  let work = 0;
  let done = 0;
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      if (actor.index === 0) {
        yield* condition.acquire();
        work++;
        condition.notify();
        // Whoever was notified waits for the lock now: the moment to cancel it.
        try {
          yield* actor.pause();
        } finally {
          condition.release();
        }
        return;
      }
      const wait = function* (): Coroutine<void> {
        yield* condition.acquire();
        try {
          while (work === 0) yield* condition.wait();
          work--;
          done++;
        } finally {
          condition.release();
        }
      };
      if (actor.index % 2 === 0) yield* wait();
      else yield* actor.within(wait);
      world.sometimes("work is done", done > 0);
    },
    {
      until: 60,
      count: [3, 6],
      atRest: () => world.always("nobody sleeps beside work", work === 0 || condition.statistics().waiters === 0),
    },
  );
  world.always("nobody waits in the end", condition.statistics().waiters === 0);
}

function* rateLimiter(world: World): Coroutine<void> {
  const [count, interval, burst] = [world.integer(1, 5), world.integer(1, 7), world.integer(1, 4)];
  const limiter = new RateLimiter(count, interval, { burst });
  const gone: { readonly at: number; readonly tokens: number }[] = [];
  world.always("nobody waits for a full bucket", () => {
    const { available, waiters } = limiter.statistics();
    return available < burst || waiters === 0;
  });
  yield* actors(world, function* (actor): Coroutine<void> {
    if (world.choose(4, "try") === 3) {
      const passed = limiter.statistics().waiters;
      if (!limiter.tryAcquire()) return;
      world.always("who only tries passes nobody who waits", passed === 0);
      gone.push({ at: now(), tokens: 1 });
      return;
    }
    const tokens = world.integer(1, burst, "tokens");
    if ((yield* actor.attempt("acquire", tokens, () => limiter.acquire(tokens))) !== undefined)
      gone.push({ at: now(), tokens });
  });
  for (const [i, first] of gone.entries()) {
    let tokens = 0;
    for (const { at, tokens: more } of gone.slice(i)) {
      tokens += more;
      const most = burst + ((at - first.at) * count) / interval;
      world.always("no stretch of time has more than its burst and what comes in it", tokens <= most + 1e-6);
    }
  }
  world.always("nobody waits in the end", limiter.statistics().waiters === 0);
}

export const locks: Programs = {
  "Lock: one holder at most, nobody passed by, and the history is that of a lock": lock,
  "Semaphore: permits are conserved, and the history is that of permits": semaphore,
  "RWLock: readers or one writer, and nobody kept out by one who has left": rwLock,
  "Limiter: tokens are conserved while their number changes": limiter,
  "Condition: a bounded buffer of one lock and two conditions is a queue": condition,
  "Condition: a notification is not lost with one who is cancelled": notifications,
  "RateLimiter: no more than its rate, and nobody waits for what is there": rateLimiter,
};
