/**
 * What a channel has to do: each item to exactly one receiver and in order, none lost to whoever is cancelled (gh-92824,
 * gh-86296, anyio #728), and ends that are told when the other side has gone.
 */
import { BrokenError, ClosedError } from "../coroutine/errors.ts";
import type { Coroutine, Operation } from "../coroutine/wait.ts";
import { checkpoint, sleep } from "../loop/sleep.ts";
import { select } from "../sync/select.ts";
import type { Channel } from "../sync/channel.ts";
import { group, type Group } from "../task/group.ts";
import type { Task } from "../task/task.ts";
import { type Check, check, dice, equal, parked, runAll, throws, untilSo } from "./check.ts";

/** What the suite uses of a channel. */
export type CheckedChannel = Pick<
  Channel<number>,
  "send" | "receive" | "trySend" | "tryReceive" | "close" | "capacity"
> & {
  readonly receiver: { close(): void };
  cloneSender(): Pick<Channel<number>["sender"], "send" | "close">;
  cloneReceiver(): Pick<Channel<number>["receiver"], "receive" | "close">;
};

/** Gives an empty channel. */
export type MakeChannel = () => CheckedChannel;

type Body = (channel: CheckedChannel, g: Group) => Coroutine<void>;

/** More than fits into the buffer, where it has an end. */
const beyond = (channel: CheckedChannel): number => (channel.capacity === Infinity ? 20 : channel.capacity + 5);

function sending(g: Group, channel: { send(item: number): Operation<void> }, ...items: readonly number[]): Task {
  return g.spawn(
    function* () {
      for (const item of items) yield* channel.send(item);
    },
    { name: "sender" },
  );
}

function* all(channel: { receive(): Operation<number | undefined> }): Coroutine<number[]> {
  const items: number[] = [];
  for (;;) {
    const item = yield* channel.receive();
    if (item === undefined) return items;
    items.push(item);
  }
}

/** Fills the buffer without waiting. */
function fill(channel: CheckedChannel, items: readonly number[]): void {
  for (const item of items.slice(0, channel.capacity)) {
    if (!channel.trySend(item)) throw new Error(`trySend() said no, and the buffer has room for ${channel.capacity}`);
  }
}

/** 0, 1, … */
const counting = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

/**
 * The behaviours of a channel as named cases, for the test runner of your choice. They go by its `capacity`: 0, a number,
 * or Infinity.
 *
 * @example
 * ```ts
 * import { Channel, run } from "rondo";
 * import { channelChecks } from "rondo/testing";
 *
 * const checks = channelChecks(() => new Channel<number>(2));
 * await run(() => checks[0]!.run());
 * console.log("holds:", checks[0]?.name); // prints: holds: items arrive in order, each once
 * ```
 */
export function channelChecks(make: MakeChannel): Check[] {
  const on = (name: string, body: Body): Check => check(name, () => group((g) => body(make(), g), { name: "check" }));

  return [
    on("items arrive in order, each once", function* (channel, g) {
      const count = beyond(channel);
      g.spawn(
        function* () {
          for (let i = 0; i < count; i++) yield* channel.send(i);
          channel.close();
        },
        { name: "sender" },
      );
      equal("received", yield* all(channel), counting(count));
    }),

    on("as many are buffered as it says, and the next one waits", function* (channel, g) {
      if (channel.capacity === Infinity) return;
      fill(channel, counting(channel.capacity));
      equal("trySend() beyond", channel.trySend(-1), false);
      const sender = sending(g, channel, channel.capacity);
      yield* parked(sender);
      for (let i = 0; i <= channel.capacity; i++) equal("received", yield* channel.receive(), i);
      yield* sender;
      equal("tryReceive() then", channel.tryReceive(), undefined);
    }),

    on("trySend() gives to one who waits, whatever the buffer", function* (channel, g) {
      const receiver = g.spawn(() => channel.receive(), { name: "receiver" });
      yield* parked(receiver);
      equal("trySend()", channel.trySend(7), true);
      equal("received", yield* receiver, 7);
    }),

    on("tryReceive() takes from one who waits", function* (channel, g) {
      const sender = sending(g, channel, ...counting(beyond(channel)));
      yield* untilSo(() => sender.state !== "ready");
      for (let i = 0; i < beyond(channel); i++) {
        const got = channel.tryReceive();
        if (got !== undefined) equal("received", got.value, i);
        else equal("received", yield* channel.receive(), i);
      }
      yield* sender;
    }),

    on("those who receive are served in the order in which they came", function* (channel, g) {
      const receivers: Task[] = [];
      for (let i = 0; i < 4; i++) {
        const receiver = g.spawn(() => channel.receive(), { name: `receiver ${i}` });
        yield* parked(receiver);
        receivers.push(receiver);
      }
      for (let i = 0; i < 4; i++) yield* channel.send(i);
      for (let i = 0; i < 4; i++) equal(`receiver ${i}`, yield* receivers[i] as Task, i);
    }),

    on("those who send are served in the order in which they came", function* (channel, g) {
      if (channel.capacity === Infinity) return;
      const { capacity } = channel;
      fill(channel, counting(capacity));
      for (let i = 0; i < 4; i++) yield* parked(sending(g, channel, capacity + i));
      for (let i = 0; i < capacity + 4; i++) equal("received", yield* channel.receive(), i);
    }),

    on("a receive that is cancelled has taken nothing", function* (channel, g) {
      const doomed = g.spawn(() => channel.receive(), { name: "doomed" });
      yield* parked(doomed);
      doomed.cancel();
      const sender = sending(g, channel, 1);
      yield* doomed.ended();
      equal("received", yield* channel.receive(), 1);
      yield* sender;
    }),

    on(
      "an item that is handed over and a cancellation in the same moment: it is had, or it is still there",
      function* (channel, g) {
        for (let round = 0; round < 10; round++) {
          const had: (number | undefined)[] = [];
          const doomed = g.spawn(
            function* () {
              had.push(yield* channel.receive());
            },
            { name: "doomed" },
          );
          yield* parked(doomed);
          const sender = sending(g, channel, round);
          for (let turns = round % 4; turns > 0; turns--) yield* checkpoint();
          doomed.cancel();
          yield* doomed.ended();
          if (had.length === 0) had.push(yield* channel.receive());
          equal("received", had, [round]);
          yield* sender;
        }
      },
    ),

    on("a send that is cancelled did not happen", function* (channel, g) {
      if (channel.capacity === Infinity) return;
      const { capacity } = channel;
      fill(channel, counting(capacity));
      const doomed = sending(g, channel, -1);
      yield* parked(doomed);
      const next = sending(g, channel, capacity);
      yield* parked(next);
      doomed.cancel();
      yield* doomed.ended();
      for (let i = 0; i <= capacity; i++) equal("received", yield* channel.receive(), i);
      yield* next;
      equal("what is left", channel.tryReceive(), undefined);
    }),

    on("a receive that loses a select has taken nothing, and one that wins has taken one", function* (channel, g) {
      const first = yield* select({ item: channel.receive(), late: sleep(1) });
      equal("taken", first.key, "late");
      const sender = sending(g, channel, 1, 2);
      const second = yield* select({ item: channel.receive(), late: sleep(1000) });
      equal("taken then", [second.key, second.value], ["item", 1]);
      equal("received", yield* channel.receive(), 2);
      yield* sender;
    }),

    on(
      "when the last sender is closed the items that are there come first, and then the end, again and again",
      function* (channel) {
        const items = counting(Math.min(channel.capacity, 5));
        fill(channel, items);
        channel.close();
        equal("received", yield* all(channel), items);
        for (let i = 0; i < 3; i++) equal("after the end", yield* channel.receive(), undefined);
        equal("tryReceive() after the end", channel.tryReceive(), undefined);
      },
    ),

    on("all who wait for an item are told of the end", function* (channel, g) {
      const receivers = counting(3).map((i) => g.spawn(() => channel.receive(), { name: `receiver ${i}` }));
      for (const receiver of receivers) yield* parked(receiver);
      channel.close();
      for (const receiver of receivers) equal("received", yield* receiver, undefined);
    }),

    on("a sender that is closed ends the stream for nobody else", function* (channel, g) {
      const other = channel.cloneSender();
      channel.close();
      const receiver = g.spawn(() => all(channel), { name: "receiver" });
      yield* other.send(1);
      yield* other.send(2);
      other.close();
      equal("received", yield* receiver, [1, 2]);
    }),

    on("a receiver that is closed leaves the items to the others", function* (channel, g) {
      const other = channel.cloneReceiver();
      channel.receiver.close();
      const sender = sending(g, channel, 1, 2);
      equal("received", yield* other.receive(), 1);
      equal("received then", yield* other.receive(), 2);
      yield* sender;
    }),

    on("after its close an end can neither send nor receive", function* (channel) {
      const receiver = channel.cloneReceiver();
      receiver.close();
      yield* throws("receive()", ClosedError, () => receiver.receive());
      channel.close();
      yield* throws("send()", ClosedError, () => channel.send(1));
      yield* throws("trySend()", ClosedError, function* () {
        channel.trySend(1);
      });
    }),

    on("one who waits on an end is woken when that end is closed", function* (channel, g) {
      const end = channel.cloneReceiver();
      const receiver = g.spawn(() => throws("receive()", ClosedError, () => end.receive()), { name: "receiver" });
      yield* parked(receiver);
      end.close();
      yield* receiver;
      if (channel.capacity === Infinity) return;
      fill(channel, counting(channel.capacity));
      const sender = g.spawn(() => throws("send()", ClosedError, () => channel.send(1)), { name: "sender" });
      yield* parked(sender);
      channel.close();
      yield* sender;
    }),

    on("senders are told when the last receiver has gone, those who wait and those who come", function* (channel, g) {
      const waiting: Task[] = [];
      if (channel.capacity !== Infinity) {
        fill(channel, counting(channel.capacity));
        for (let i = 0; i < 2; i++) {
          const sender = g.spawn(() => throws("a send() that waits", BrokenError, () => channel.send(i)), {
            name: `sender ${i}`,
          });
          yield* parked(sender);
          waiting.push(sender);
        }
      }
      channel.receiver.close();
      for (const sender of waiting) yield* sender;
      yield* throws("send()", BrokenError, () => channel.send(1));
      yield* throws("trySend()", BrokenError, function* () {
        channel.trySend(1);
      });
    }),

    on("the end itself cannot be sent", function* (channel) {
      yield* throws("send()", TypeError, () => channel.send(undefined as never));
    }),

    on(
      "many who send and receive, some of them cancelled: each item is had once, or was not sent",
      function* (channel, g) {
        const roll = dice(11);
        const sent: number[] = [];
        const had: number[] = [];
        const senders: Task[] = [];
        for (let i = 0; i < 8; i++) {
          const sender = channel.cloneSender();
          const pace = roll(3);
          senders.push(
            g.spawn(
              function* () {
                try {
                  for (let item = i * 100; item < i * 100 + 10; item++) {
                    for (let turn = pace; turn > 0; turn--) yield* checkpoint();
                    yield* sender.send(item);
                    sent.push(item);
                  }
                } finally {
                  sender.close();
                }
              },
              { name: `sender ${i}` },
            ),
          );
        }
        channel.close();
        const receivers: Task[] = counting(4).map((i) => {
          const pace = roll(3);
          return g.spawn(
            function* () {
              for (;;) {
                const item = yield* channel.receive();
                if (item === undefined) return;
                had.push(item);
                for (let turn = pace; turn > 0; turn--) yield* checkpoint();
              }
            },
            { name: `receiver ${i}` },
          );
        });
        for (const doomed of [senders[1], receivers[0], senders[4], receivers[2], senders[6]] as Task[]) {
          for (let turn = roll(8); turn > 0; turn--) yield* checkpoint();
          doomed.cancel();
        }
        for (const task of [...senders, ...receivers]) yield* task.ended();
        const order = (a: number, b: number): number => a - b;
        // A sender that is cancelled when its item has been taken cannot note it any more.
        const unnoted = had.filter((item) => !sent.includes(item));
        if (unnoted.length > 3) throw new Error(`items were had that nobody sent: ${unnoted.join(", ")}`);
        equal("had", had.toSorted(order), [...sent, ...unnoted].toSorted(order));
      },
    ),
  ];
}

/**
 * Runs all of {@link channelChecks}, one after the other. The first behaviour that does not hold is thrown, with its name.
 *
 * @example
 * ```ts
 * import { Channel, run } from "rondo";
 * import { checkChannel } from "rondo/testing";
 *
 * await run(() => checkChannel(() => new Channel<number>(0)));
 * console.log("a channel"); // prints: a channel
 * ```
 */
export function checkChannel(make: MakeChannel): Coroutine<void> {
  return runAll(channelChecks(make));
}
