/**
 * Small programs on every schedule with few deviations: a grant, a cancellation and the end of a time that fall into the same
 * moment, in every order in which they can. Nothing is drawn but the schedule.
 */
import {
  Barrier,
  BrokenError,
  Channel,
  ClosedError,
  Condition,
  type Coroutine,
  group,
  Lock,
  moveOnAfter,
  Queue,
  RWLock,
  select,
  Semaphore,
  sleep,
} from "../../src/index.ts";
import { assertLinearizable, fifoQueue, type World } from "../../src/sim/index.ts";
import type { Programs } from "./campaign.ts";

function* permit(world: World): Coroutine<void> {
  const semaphore = new Semaphore(1);
  const entered: string[] = [];
  yield* group(function* (g) {
    const visit = (name: string) =>
      g.spawn(
        function* () {
          yield* semaphore.acquire();
          entered.push(name);
          try {
            yield* sleep(1);
          } finally {
            semaphore.release();
          }
        },
        { name },
      );
    visit("first");
    const doomed = visit("doomed");
    visit("last");
    // In the very moment in which the first one leaves.
    yield* sleep(1);
    doomed.cancel();
  });
  world.always("the permit is back", semaphore.statistics().available === 1);
  world.always("nobody but the cancelled one is kept out", entered.includes("first") && entered.includes("last"));
}

function* lockAndCancel(world: World): Coroutine<void> {
  const lock = new Lock();
  let inside = 0;
  let entered = 0;
  world.always("one at a time", () => inside <= 1);
  yield* group(function* (g) {
    const visit = () =>
      g.spawn(function* () {
        yield* lock.acquire();
        entered++;
        inside++;
        try {
          yield* sleep(1);
        } finally {
          inside--;
          lock.release();
        }
      });
    visit();
    const doomed = visit();
    visit();
    yield* sleep(1);
    doomed.cancel();
    if (lock.tryAcquire()) lock.release();
  });
  world.always("nobody holds it, and nobody was forgotten", lock.holder === null && entered >= 2);
}

function* writersAndReaders(world: World): Coroutine<void> {
  const lock = new RWLock();
  const inside = { readers: 0, writers: 0 };
  world.always("readers or one writer", () => inside.writers <= 1 && (inside.writers === 0 || inside.readers === 0));
  let read = 0;
  yield* group(function* (g) {
    const reader = function* (): Coroutine<void> {
      yield* lock.withRead(function* () {
        inside.readers++;
        read++;
        try {
          yield* sleep(1);
        } finally {
          inside.readers--;
        }
      });
    };
    g.spawn(reader);
    const writer = g.spawn(() =>
      lock.withWrite(function* () {
        inside.writers++;
        try {
          yield* sleep(1);
        } finally {
          inside.writers--;
        }
      }),
    );
    g.spawn(reader);
    yield* sleep(1);
    writer.cancel();
  });
  world.always("a writer that has gone keeps no reader out", read === 2);
}

function* handOver(world: World): Coroutine<void> {
  const channel = new Channel<string>(0);
  const received: string[] = [];
  yield* group(function* (g) {
    const receive = () =>
      g.spawn(function* () {
        received.push((yield* channel.receive()) as string);
      });
    const doomed = receive();
    let sent = false;
    g.spawn(function* () {
      yield* sleep(1);
      yield* channel.send("item");
      sent = true;
    });
    yield* sleep(1);
    doomed.cancel();
    yield* sleep(1);
    world.always("what was sent was received, and what was not was not", sent === (received.length === 1));
    if (!sent) receive();
  });
  world.always("the item is received once", received.join() === "item", received.join());
}

function* bothAtOnce(world: World): Coroutine<void> {
  const [a, b] = [new Channel<string>(0), new Channel<string>(0)];
  const sent: string[] = [];
  const got: string[] = [];
  yield* group(function* (g) {
    for (const channel of [a, b]) {
      g.spawn(function* () {
        const name = channel === a ? "a" : "b";
        if (!(yield* moveOnAfter(1, channel.send(name))).timedOut) sent.push(name);
      });
    }
    g.spawn(function* () {
      const taken = yield* select({ a: a.receive(), b: b.receive(), late: sleep(1) });
      if (taken.key !== "late") got.push(taken.value as string);
    });
  });
  world.always(
    "what one has sent the other has received",
    sent.join() === got.join(),
    `${sent.join()} and ${got.join()}`,
  );
}

function* timely(world: World): Coroutine<void> {
  const queue = new Queue<number>({ capacity: 1 });
  const history = world.history({ cancelled: "fail" });
  yield* group(function* (g) {
    g.spawn(function* () {
      for (const item of [1, 2, 3]) {
        yield* moveOnAfter(1, () => history.call("putter", "put", item, () => queue.put(item)));
      }
    });
    g.spawn(function* () {
      yield* sleep(1);
      for (let n = 0; n < 3; n++)
        yield* moveOnAfter(1, () => history.call("getter", "get", undefined, () => queue.get()));
    });
  });
  assertLinearizable(history, fifoQueue({ capacity: 1 }));
}

function* notified(world: World): Coroutine<void> {
  const condition = new Condition();
  let work = 0;
  let done = 0;
  yield* group(function* (g) {
    const worker = () =>
      g.spawn(() =>
        condition.lock.with(function* () {
          while (work === 0) yield* condition.wait();
          work--;
          done++;
        }),
      );
    const doomed = worker();
    worker();
    g.spawn(function* () {
      yield* sleep(1);
      yield* condition.lock.with(function* () {
        work++;
        condition.notify();
        // The notified one stands in line for the lock here, and is cancelled there.
        yield* sleep(1);
      });
    });
    yield* sleep(2);
    doomed.cancel();
    yield* sleep(1);
    world.always("the work is done by whoever is left", done === 1, `${done}`);
    work++;
    yield* condition.lock.with(function* () {
      condition.notifyAll();
    });
  });
}

function* parties(world: World): Coroutine<void> {
  const barrier = new Barrier(2);
  const places: number[] = [];
  let broken = 0;
  yield* group(function* (g) {
    const party = () =>
      g.spawn(function* () {
        try {
          places.push(yield* barrier.wait());
        } catch (error) {
          if (!(error instanceof BrokenError)) throw error;
          broken++;
        }
      });
    const doomed = party();
    g.spawn(function* () {
      yield* sleep(1);
      yield* party();
    });
    yield* sleep(1);
    doomed.cancel();
  });
  world.always(
    "both, or none",
    places.length === 2 ? broken === 0 : places.length === 0 && broken === 1,
    `${places.join()} ${broken}`,
  );
}

function* shutDown(world: World): Coroutine<void> {
  const queue = new Queue<number>({ capacity: 1 });
  let [put, got, refused] = [0, 0, 0];
  yield* group(function* (g) {
    const closed = function* (body: () => Coroutine<void>): Coroutine<void> {
      try {
        yield* body();
      } catch (error) {
        if (!(error instanceof ClosedError)) throw error;
        refused++;
      }
    };
    for (const item of [1, 2]) {
      g.spawn(() =>
        closed(function* () {
          yield* queue.put(item);
          put++;
        }),
      );
      g.spawn(() =>
        closed(function* () {
          yield* queue.get();
          got++;
        }),
      );
    }
    g.spawn(function* () {
      queue.shutdown();
    });
  });
  world.always(
    "all that was put is got, or left, and everybody is told",
    put + got + refused === 4 && put - got === queue.length,
  );
}

function* siblings(world: World): Coroutine<void> {
  const log: string[] = [];
  let thrown: unknown;
  const failure = new Error("one fails");
  let live = 0;
  try {
    yield* group(function* (g) {
      const child = (name: string, body: () => Coroutine<void>) =>
        g.spawn(function* () {
          live++;
          try {
            yield* body();
            log.push(name);
          } finally {
            live--;
          }
        });
      child("fails", function* () {
        yield* sleep(1);
        throw failure;
      });
      child("spawns", function* () {
        yield* sleep(1);
        child("late", () => sleep(1) as unknown as Coroutine<void>);
        yield* sleep(1);
      });
      child("ends", function* () {
        yield* sleep(1);
      });
    });
  } catch (error) {
    thrown = error;
  }
  world.always("the failure is thrown", thrown === failure, String(thrown));
  world.always("and nobody lives", live === 0);
}

export const exhaustive: Programs = {
  "a permit that is given to one who is cancelled goes to the next": permit,
  "a lock that is given to one who is cancelled goes to the next": lockAndCancel,
  "a writer who is cancelled in line lets the readers in": writersAndReaders,
  "an item that is handed to one who is cancelled is received once": handOver,
  "of two senders to one select both know whether they have sent": bothAtOnce,
  "a queue whose users give up in the moment in which they succeed is a queue": timely,
  "a notification of one who is cancelled is heard by another": notified,
  "a barrier lets both go or none": parties,
  "a queue that is shut down tells everybody": shutDown,
  "a group whose child fails in the moment in which another spawns leaves nobody": siblings,
};
