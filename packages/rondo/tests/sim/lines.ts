/** What hands items on: channels, queues, broadcasts, and choosing among them. */
import {
  Broadcast,
  BrokenError,
  Channel,
  ClosedError,
  type Coroutine,
  group,
  Queue,
  sleep,
  type Subscription,
} from "../../src/index.ts";
import { type Asked, assertLinearizable, defineModel, type Model, type World } from "../../src/sim/index.ts";
import { type Actor, actors, LATE } from "./actors.ts";
import type { Programs } from "./campaign.ts";

interface Line {
  readonly items: readonly unknown[];
  readonly closed: boolean;
}

/** A channel of so many items: as a queue, with an end. One without a buffer hands over in one moment what it takes. */
function channelModel(capacity: number): Model<Line> {
  const room = Math.max(1, capacity);
  return defineModel<Line>({
    name: `channel of ${capacity}`,
    initial: () => ({ items: [], closed: false }),
    apply({ items, closed }, op, input) {
      const put = { items: [...items, input], closed };
      const taken = { items: items.slice(1), closed };
      switch (op) {
        case "send":
          return closed || items.length >= room ? undefined : { state: put };
        case "receive":
          return items.length > 0
            ? { state: taken, output: items[0] }
            : closed
              ? { state: { items, closed } }
              : undefined;
        case "sent at once":
          return closed || items.length >= room ? undefined : { state: put };
        case "not sent":
          return capacity > 0 && items.length < room ? undefined : { state: { items, closed } };
        case "try receive":
          return items.length > 0 ? { state: taken, output: items[0] } : { state: { items, closed } };
        case "close":
          return { state: { items, closed: true } };
        default:
          throw new Error(op);
      }
    },
  });
}

/** What must hold of a channel after every step. */
function watchLine(world: World, channel: Channel<number>): void {
  world.always(`nobody is passed by at ${channel.name}`, () => {
    const { depth, capacity, sending, receiving, senders } = channel.statistics();
    if (receiving > 0 && depth > 0) return "a receiver waits beside an item";
    if (sending > 0 && depth < capacity) return "a sender waits beside room";
    if (receiving > 0 && senders === 0) return "a receiver waits for a sender that cannot come";
    return depth <= capacity || "it holds more than it may";
  });
}

function* channel(world: World): Coroutine<void> {
  const capacity = world.pick([1, 0, 2, 5]);
  const channel = new Channel<number>(capacity, { name: "channel" });
  const history = world.history({ cancelled: "fail", thrown: () => "fail" });
  let next = 0;
  watchLine(world, channel);
  world.always("no sender and receiver wait for each other", () => {
    const { sending, receiving } = channel.statistics();
    return sending === 0 || receiving === 0;
  });
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      const item = next++;
      try {
        if (world.choose(40, "close") === 39 && channel.sender.open)
          actor.now("close", undefined, () => channel.close());
        else if (world.choose(5, "try") === 4) {
          if (actor.index % 2 === 0) {
            const sent = channel.trySend(item);
            actor.now(sent ? "sent at once" : "not sent", item, () => undefined);
          } else actor.now("try receive", undefined, () => channel.tryReceive()?.value);
        } else if (actor.index % 2 === 0) yield* actor.attempt("send", item, () => channel.send(item));
        else yield* actor.attempt("receive", undefined, () => channel.receive());
      } catch (error) {
        if (!(error instanceof ClosedError)) throw error;
        world.sometimes("somebody sends into a closed channel");
      }
      const { sending, receiving } = channel.statistics();
      world.sometimes("a sender waits", sending > 0);
      world.sometimes("a receiver waits", receiving > 0);
    },
    { history },
  );
  assertLinearizable(history, channelModel(capacity));
}

/** Ends that are closed one by one, while others wait on them. */
function* ends(world: World): Coroutine<void> {
  const channel = new Channel<number>(world.pick([1, 0, 3]), { name: "channel" });
  const sent = new Set<number>();
  const received: number[] = [];
  let next = 0;
  let lost = false;
  const drain = (): void => {
    if (channel.receivers === 0) lost = true;
  };
  watchLine(world, channel);
  yield* actors(world, function* (actor): Coroutine<void> {
    try {
      if (actor.index % 2 === 0) {
        using sender = channel.cloneSender();
        for (let n = world.integer(1, 3); n > 0; n--) {
          const item = next++;
          if ((yield* actor.attempt("send", item, () => sender.send(item))) !== undefined) sent.add(item);
        }
      } else {
        using receiver = channel.cloneReceiver();
        if (world.choose(4, "close") === 3) {
          actor.later(actor.patience(), () => {
            if (receiver.open) receiver.close();
            drain();
          });
        }
        for (let n = world.integer(1, 3); n > 0; n--) {
          const got = yield* actor.attempt("receive", undefined, () => receiver.receive());
          if (got?.value !== undefined) received.push(got.value);
        }
      }
    } catch (error) {
      if (!(error instanceof ClosedError || error instanceof BrokenError)) throw error;
    }
    if (world.choose(20, "own ends") === 19 && channel.receiver.open) {
      channel.receiver.close();
      drain();
    }
  });
  world.always("nothing is received twice", new Set(received).size === received.length);
  for (const item of received) world.always("only what was sent is received", sent.has(item), `${item}`);
  const { senders, receivers, sending, receiving } = channel.statistics();
  world.always("no end is left but the channel's own", senders === 1 && receivers === (channel.receiver.open ? 1 : 0));
  world.always("nobody is left", sending + receiving === 0);
  if (lost || !channel.receiver.open) return;
  for (let taken = channel.tryReceive(); taken !== undefined; taken = channel.tryReceive()) received.push(taken.value);
  world.always("all that was sent is there", received.length === sent.size, `${received.length} of ${sent.size}`);
}

/** A select over two channels, in both directions: of its arms at most one happens, and each channel stays a queue. */
function* selecting(world: World): Coroutine<void> {
  const capacities = [world.pick([1, 0, 2]), world.pick([1, 0, 2])] as const;
  const [a, b] = [new Channel<number>(capacities[0], { name: "a" }), new Channel<number>(capacities[1], { name: "b" })];
  const history = world.history({ cancelled: "fail" });
  let next = 0;
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      const [x, y] = [next++, next++];
      const arms: Record<string, [string, unknown, ReturnType<typeof a.receive>]> = {};
      // What it is: one, two or three arms of six, some of them twice the same.
      const kinds = world.shuffle([0, 1, 2, 3, 4, 5]).slice(0, world.integer(1, 3));
      for (const kind of kinds) {
        if (kind === 0) arms["ra"] = ["receive", ["a"], a.receive()];
        else if (kind === 1) arms["rb"] = ["receive", ["b"], b.receive()];
        else if (kind === 2) arms["sa"] = ["send", ["a", x], a.send(x) as never];
        else if (kind === 3) arms["sb"] = ["send", ["b", y], b.send(y) as never];
        else if (kind === 4) arms["ra again"] = ["receive", ["a"], a.receive()];
        else arms["sa again"] = ["send", ["a", y], a.send(y) as never];
      }
      if (world.choose(2, "late") === 1) arms["late"] = [LATE, undefined, sleep(actor.patience()) as never];
      yield* actor.within(() => actor.choose(arms));
    },
    { history },
  );
  for (const { sending, receiving } of [a.statistics(), b.statistics()])
    world.always("nobody is left", sending + receiving === 0);
  const models = { a: channelModel(capacities[0]), b: channelModel(capacities[1]) };
  for (const name of ["a", "b"] as const) {
    const calls = history.calls.filter(({ input }) => (input as readonly [string])[0] === name);
    assertLinearizable(
      calls.map((call) => ({ ...call, input: (call.input as readonly [string, unknown])[1] })),
      models[name],
    );
  }
}

interface Store {
  readonly items: readonly number[];
  readonly unfinished: number;
  readonly closed: boolean;
}

/** A queue of jobs: in an order, counted until done, shut down by anyone. */
function queueModel(order: "fifo" | "lifo" | "priority", capacity: number): Model<Store> {
  const sorted = (items: readonly number[]): readonly number[] =>
    order === "fifo" ? items : items.toSorted((a, b) => (order === "lifo" ? b - a : a - b));
  return {
    name: `${order} queue`,
    initial: () => ({ items: [], unfinished: 0, closed: false }),
    step(state, { op, input, output, known }: Asked) {
      const { items, unfinished, closed } = state;
      if (known && output instanceof ClosedError) {
        return closed && (op !== "get" || items.length === 0) ? [state] : [];
      }
      const full = items.length >= capacity;
      const added = {
        items: order === "lifo" ? [input, ...items] : sorted([...items, input]),
        unfinished: unfinished + 1,
        closed,
      };
      const taken = { items: items.slice(1), unfinished, closed };
      switch (op) {
        case "put":
          return closed || full ? [] : [added];
        case "try put":
          return closed || (known && output !== !full) ? [] : [full ? state : added];
        case "get":
          return items.length === 0 || (known && output !== items[0]) ? [] : [taken];
        case "task done":
          return unfinished === 0 ? [] : [{ ...state, unfinished: unfinished - 1 }];
        case "join":
          return unfinished === 0 ? [state] : [];
        case "shut down":
          return [{ ...state, closed: true }];
        default:
          throw new Error(op);
      }
    },
  };
}

function* queue(world: World): Coroutine<void> {
  const order = world.pick(["fifo", "lifo", "priority"] as const);
  const capacity = world.pick([2, 1, 5]);
  const queue = new Queue<number>({ capacity, order });
  const history = world.history({ cancelled: "fail", thrown: () => "ok" });
  let next = 0;
  // Items grow for a lifo queue, whose model keeps them by age; for a priority queue they are drawn.
  const fresh = (): number => (order === "priority" ? world.choose(50) + ++next / 1000 : ++next);
  world.always("nobody is passed by", () => {
    const { depth, putters, getters } = queue.statistics();
    if (getters > 0 && depth > 0) return "a getter waits beside an item";
    if (putters > 0 && depth < capacity) return "a putter waits beside room";
    return depth <= capacity || "it holds more than it may";
  });
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      try {
        const item = fresh();
        if (world.choose(40, "shut down") === 39) actor.now("shut down", undefined, () => void queue.shutdown());
        else if (world.choose(8, "join") === 7) yield* actor.attempt("join", undefined, () => queue.join());
        else if (actor.index % 2 === 0) {
          if (world.choose(4, "try") === 3) actor.now("try put", item, () => queue.tryPut(item));
          else yield* actor.attempt("put", item, () => queue.put(item));
        } else {
          const got = yield* actor.attempt("get", undefined, () => queue.get());
          if (got === undefined) return;
          yield* finishing(actor, () => actor.now("task done", undefined, () => queue.taskDone()));
        }
      } catch (error) {
        if (!(error instanceof ClosedError)) throw error;
        world.sometimes("somebody comes to a closed queue");
      }
    },
    { history },
  );
  const { putters, getters } = queue.statistics();
  world.always("nobody is left", putters + getters === 0);
  assertLinearizable(history, queueModel(order, capacity));
}

/** Works a while, and finishes whatever happens. */
function* finishing(actor: Actor, finish: () => void): Coroutine<void> {
  try {
    yield* actor.pause();
  } finally {
    finish();
  }
}

/** Every subscriber receives what was sent since it subscribed, in one order for all, or is told how much it has missed. */
function* broadcast(world: World): Coroutine<void> {
  const overflow = world.pick(["wait", "drop-oldest", "error"] as const);
  const capacity = world.integer(1, 3);
  const broadcast = new Broadcast<number>(capacity, { overflow });
  interface Reader {
    readonly at: Subscription<number>;
    readonly got: number[];
    readonly since: number;
  }
  const witness: Reader = { at: broadcast.subscribe(), got: [], since: 0 };
  const readers: Reader[] = [witness];
  const arrived = ({ at, got }: Reader): number => got.length + at.statistics().depth + at.statistics().missed;
  const sent = new Set<number>();
  let next = 0;
  if (overflow === "wait") {
    world.always("no sender waits beside room", () => {
      const { sending, depth } = broadcast.statistics();
      return sending === 0 || depth >= capacity;
    });
  }
  const act = () =>
    actors(world, function* (actor): Coroutine<void> {
      if (actor.index % 2 === 0) {
        const item = next++;
        if ((yield* actor.attempt("send", item, () => broadcast.send(item))) !== undefined) sent.add(item);
        return;
      }
      let reader = readers[actor.index];
      if (reader === undefined || world.choose(8, "anew") === 7) {
        reader = { at: broadcast.subscribe(), got: [], since: arrived(witness) };
        readers[actor.index] = reader;
      }
      const { at, got } = reader;
      try {
        const item = yield* actor.attempt("receive", undefined, () => at.receive());
        if (item?.value !== undefined) got.push(item.value);
      } catch (error) {
        if (!(error instanceof BrokenError) || overflow !== "error") throw error;
        world.sometimes("a reader has fallen behind");
      }
    });
  yield* group(function* (g) {
    // Where senders wait for everybody the witness reads all the time; else it reads nothing until the end.
    if (overflow === "wait") {
      g.spawn(
        function* () {
          for (;;) witness.got.push((yield* witness.at.receive()) as number);
        },
        { daemon: true, name: "witness" },
      );
    }
    yield* act();
  });
  const total = arrived(witness);
  for (const reader of readers) {
    if (reader === undefined) continue;
    const { at, got } = reader;
    while (at.statistics().depth > 0) {
      try {
        got.push((at.tryReceive() as { readonly value: number }).value);
      } catch (error) {
        if (!(error instanceof BrokenError)) throw error;
      }
    }
    const { missed } = at.statistics();
    if (overflow !== "wait")
      world.always(
        "each item is received or missed",
        got.length + missed === total - reader.since,
        `${got.length} received, ${missed} missed, ${total - reader.since} sent`,
      );
    world.always("nothing is received twice", new Set(got).size === got.length);
    if (overflow === "wait") world.always("where senders wait nothing is missed", missed === 0);
  }
  if (overflow === "wait") {
    const all = witness.got;
    world.always(
      "all that was sent arrives, and nothing else",
      all.length === sent.size && all.every((item) => sent.has(item)),
    );
    for (const reader of readers) {
      if (reader === undefined) continue;
      const tail = all.slice(all.length - reader.got.length);
      world.always(
        "the order is one for all",
        tail.every((item, i) => item === reader.got[i]),
        `${all} and ${reader.got}`,
      );
    }
  }
}

/** Subscribers and senders that come, are cloned and go: who leaves holds nobody up, and who is left hears of the end. */
function* audience(world: World): Coroutine<void> {
  const capacity = world.integer(1, 3);
  const broadcast = new Broadcast<number>(capacity);
  let next = 0;
  let ends = 0;
  world.always("no sender waits beside room, or for nobody", () => {
    const { sending, depth, subscribers } = broadcast.statistics();
    if (sending > 0 && subscribers === 0) return "a sender waits though nobody listens";
    return sending === 0 || depth >= capacity || "a sender waits beside room";
  });
  world.always("nobody waits for an end that has come", () => {
    const { senders } = broadcast.statistics();
    return senders > 0 || [...broadcast.subscriptions].every((one) => one.statistics().receiving === 0);
  });
  yield* actors(
    world,
    function* (actor): Coroutine<void> {
      try {
        if (actor.index % 2 === 0) {
          using sender = broadcast.cloneSender();
          for (let n = world.integer(1, 4, "items"); n > 0; n--) {
            const item = next++;
            yield* actor.attempt("send", item, () => sender.send(item));
          }
          if (world.choose(15, "own end") === 14) broadcast.close();
          return;
        }
        using subscription = broadcast.subscribe();
        const copy = world.choose(3, "clone") === 2 ? subscription.clone() : undefined;
        const got: number[] = [];
        try {
          for (let n = world.integer(1, 5, "items"); n > 0; n--) {
            const item = yield* actor.attempt("receive", undefined, () => subscription.receive());
            if (item === undefined) continue;
            if (item.value === undefined) {
              ends++;
              break;
            }
            got.push(item.value);
          }
          if (copy === undefined) return;
          // The copy stands where the other one stood: it receives the same, and in the same order.
          for (const item of got) {
            const again = copy.tryReceive();
            world.always("a clone receives the same", again?.value === item, `${again?.value} and ${item}`);
          }
        } finally {
          copy?.close();
        }
      } catch (error) {
        if (!(error instanceof ClosedError)) throw error;
      }
    },
    { until: 100 },
  );
  world.sometimes("somebody hears the end", ends > 0);
  world.always("nobody is left", broadcast.statistics().sending === 0 && broadcast.statistics().subscribers === 0);
}

export const lines: Programs = {
  "Channel: a queue with an end, whatever is cancelled": channel,
  "Channel: with ends that come and go each item is received once": ends,
  "select: at most one arm happens, and the channels stay queues": selecting,
  "Queue: in its order, counted until done, shut down by anyone": queue,
  "Broadcast: everybody receives or misses what was sent since they came": broadcast,
  "Broadcast: who leaves holds nobody up, and who is left hears of the end": audience,
};
