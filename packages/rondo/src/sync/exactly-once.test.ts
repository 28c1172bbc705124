/**
 * Properties: whatever is cancelled, and on whatever schedule, what was sent is received exactly once, and what was not
 * sent is not received at all. (asyncio's largest family of bugs: gh-92824, bpo-37658, PA#343, anyio #728.)
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { attempt, type Move, patience, plans, play, runs } from "../../tests/chaos.ts";
import { Broadcast, Channel, type Coroutine, Queue, select, sleep, type Subscription, type Wait } from "../index.ts";

const capacities = fc.constantFrom(0, 1, 2, 5, Infinity);

/** What was sent and what was received, by number. */
class Ledger {
  readonly sent = new Set<number>();
  readonly received: number[] = [];
  private next = 1;

  fresh(): number {
    return this.next++;
  }

  check(left: readonly number[]): void {
    const all = [...this.received, ...left];
    expect(new Set(all).size, "received twice").toBe(all.length);
    expect(all.toSorted((a, b) => a - b)).toEqual([...this.sent].toSorted((a, b) => a - b));
  }
}

/** Nobody waits for what is there. */
function checkLine(channel: Channel<number>): void {
  const { depth, capacity, sending, receiving } = channel.statistics();
  expect(receiving > 0 && (depth > 0 || sending > 0), "a receiver was passed by").toBe(false);
  expect(sending > 0 && depth < capacity, "a sender was passed by").toBe(false);
  expect(depth).toBeLessThanOrEqual(capacity);
}

function leftIn(channel: Channel<number>): number[] {
  const left: number[] = [];
  for (let taken = channel.tryReceive(); taken !== undefined; taken = channel.tryReceive()) left.push(taken.value);
  return left;
}

test("Channel: each item that was sent is received once, and no other", patience, async () => {
  await fc.assert(
    fc.asyncProperty(plans, capacities, async (plan, capacity) => {
      const channel = new Channel<number>(capacity);
      const ledger = new Ledger();
      await play(plan, {
        *act(move, actor): Coroutine<void> {
          if (move.what === 6) {
            const taken = channel.tryReceive();
            if (taken !== undefined) ledger.received.push(taken.value);
          } else if (move.what === 7) {
            const item = ledger.fresh();
            if (channel.trySend(item)) ledger.sent.add(item);
          } else if (actor % 2 === 0) {
            const item = ledger.fresh();
            if ((yield* attempt(move, () => channel.send(item))) !== undefined) ledger.sent.add(item);
          } else {
            const got = yield* attempt(move, () => channel.receive());
            if (got !== undefined) ledger.received.push(got.value as number);
          }
        },
        look: () => checkLine(channel),
        end: () => ledger.check(leftIn(channel)),
      });
    }),
    runs,
  );
});

test(
  "Channel: with ends that are closed at random each item is received once or dropped with the last receiver",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(plans, capacities, async (plan, capacity) => {
        const channel = new Channel<number>(capacity);
        const ledger = new Ledger();
        let ended = 0;
        const senders = plan.actors.map(() => channel.cloneSender());
        const receivers = plan.actors.map(() => channel.cloneReceiver());
        channel.sender.close();
        channel.receiver.close();
        const gone = (error: unknown): void => {
          // A closed end of its own, or no receivers left: both are what the actors here provoke.
          if (!/closed|no receivers|last receiver/.test(String(error))) throw error;
        };
        await play(plan, {
          *act(move, actor): Coroutine<void> {
            const [sender, receiver] = [senders[actor], receivers[actor]];
            if (sender === undefined || receiver === undefined) return;
            try {
              if (move.what === 0 && sender.open) sender.close();
              else if (move.what === 1 && receiver.open) receiver.close();
              else if (actor % 2 === 0) {
                const item = ledger.fresh();
                if ((yield* attempt(move, () => sender.send(item))) !== undefined) ledger.sent.add(item);
              } else {
                const got = yield* attempt(move, () => receiver.receive());
                if (got?.value !== undefined) ledger.received.push(got.value);
                else if (got !== undefined) ended++;
              }
            } catch (error) {
              gone(error);
            }
          },
          look: () => checkLine(channel),
          end() {
            expect(new Set(ledger.received).size).toBe(ledger.received.length);
            for (const item of ledger.received) expect(ledger.sent).toContain(item);
            if (ended > 0) expect(channel.statistics().senders).toBe(0);
            const open = receivers.find((one) => one.open);
            if (channel.statistics().receivers === 0 || open === undefined) return;
            const left: number[] = [];
            for (let taken = open.tryReceive(); taken !== undefined; taken = open.tryReceive()) left.push(taken.value);
            ledger.check(left);
          },
        });
      }),
      runs,
    );
  },
);

test(
  "select: over two channels, in both directions, each item that was sent is received once, and no other",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(plans, capacities, capacities, async (plan, one, two) => {
        const [a, b] = [new Channel<number>(one), new Channel<number>(two)];
        const ledger = new Ledger();
        const act = function* (move: Move): Coroutine<void> {
          const [x, y] = [ledger.fresh(), ledger.fresh()];
          const late = sleep(move.patience);
          const taken = yield* attempt(
            { ...move, how: move.how === "select" ? "plain" : move.how },
            (): Wait<{ key: string; value: unknown }> => {
              switch (move.what) {
                case 0:
                case 1:
                  return select({ ra: a.receive(), rb: b.receive(), late });
                case 2:
                  return select({ sa: a.send(x), sb: b.send(y), late });
                case 3:
                  return select({ ra: a.receive(), sb: b.send(y), late });
                case 4:
                  return select({ sa: a.send(x), ra: a.receive(), late });
                case 5:
                  return select({ ra: a.receive(), again: a.receive(), late });
                case 6:
                  return select({ sa: a.send(x), again: a.send(y), late });
                default:
                  return select({ rb: b.receive(), sa: a.send(x) });
              }
            },
          );
          if (taken === undefined) return;
          const { key, value } = taken.value;
          if (key === "sa") ledger.sent.add(x);
          else if (key === "sb" || (key === "again" && move.what === 6)) ledger.sent.add(y);
          else if (value !== undefined) ledger.received.push(value as number);
        };
        await play(plan, {
          act,
          look() {
            checkPair(a);
            checkPair(b);
          },
          end: () => ledger.check([...leftIn(a), ...leftIn(b)]),
        });
      }),
      runs,
    );

    /** As `checkLine`; but a sender and a receiver that are arms of one select do not see each other. */
    function checkPair(channel: Channel<number>): void {
      const { depth, capacity, sending, receiving } = channel.statistics();
      expect(receiving > 0 && depth > 0, "a receiver was passed by").toBe(false);
      expect(sending > 0 && depth < capacity, "a sender was passed by").toBe(false);
    }
  },
);

test(
  "Queue: each item that was put is got once, and no other, and the count of what is unfinished is right",
  patience,
  async () => {
    const orders = fc.constantFrom("fifo", "lifo", "priority");
    await fc.assert(
      fc.asyncProperty(
        plans,
        fc.constantFrom(1, 2, 5, Infinity),
        orders,
        fc.option(fc.nat(30)),
        async (plan, capacity, order, closeAt) => {
          const queue = new Queue<number>({ capacity, order });
          const ledger = new Ledger();
          let clock = 0;
          let done = 0;
          const dropped: number[] = [];
          const finish = (): void => {
            queue.taskDone();
            done++;
          };
          await play(plan, {
            *act(move, actor): Coroutine<void> {
              try {
                if (move.what === 6) {
                  const taken = queue.tryGet();
                  if (taken === undefined) return;
                  ledger.received.push(taken.value);
                  finish();
                } else if (move.what === 7) {
                  const item = ledger.fresh();
                  if (queue.tryPut(item)) ledger.sent.add(item);
                } else if (actor % 2 === 0) {
                  const item = ledger.fresh();
                  if ((yield* attempt(move, () => queue.put(item))) !== undefined) ledger.sent.add(item);
                } else {
                  const got = yield* attempt(move, () => queue.get());
                  if (got === undefined) return;
                  ledger.received.push(got.value);
                  finish();
                }
              } catch (error) {
                if (!/was shut down/.test(String(error))) throw error;
              }
            },
            look() {
              const { depth, putters, getters } = queue.statistics();
              expect(getters > 0 && depth > 0, "a getter was passed by").toBe(false);
              expect(putters > 0 && depth < capacity, "a putter was passed by").toBe(false);
              if (clock++ === closeAt) dropped.push(...queue.shutdown({ immediate: closeAt % 2 === 0 }));
            },
            end() {
              dropped.push(...queue.shutdown({ immediate: true }));
              ledger.check(dropped);
              expect(queue.statistics().unfinished).toBe(ledger.sent.size - done - dropped.length);
            },
          });
        },
      ),
      runs,
    );
  },
);

test(
  "Broadcast: every subscriber receives what was sent since it subscribed, once, in one order for all",
  patience,
  async () => {
    await fc.assert(
      fc.asyncProperty(plans, fc.constantFrom(1, 2, 5, Infinity), async (plan, capacity) => {
        const broadcast = new Broadcast<number>(capacity);
        const ledger = new Ledger();
        const subscriptions = new Map<number, { at: Subscription<number>; got: number[] }>();
        const all: number[] = [];
        for (const actor of plan.actors.keys()) {
          if (actor % 2 === 1) subscriptions.set(actor, { at: broadcast.subscribe(), got: [] });
        }
        await play(plan, {
          *act(move, actor): Coroutine<void> {
            const mine = subscriptions.get(actor);
            if (mine === undefined) {
              const item = ledger.fresh();
              if (move.what === 7) {
                if (broadcast.trySend(item)) ledger.sent.add(item);
              } else if ((yield* attempt(move, () => broadcast.send(item))) !== undefined) ledger.sent.add(item);
            } else {
              const got = yield* attempt(move, () => mine.at.receive());
              if (got?.value !== undefined) mine.got.push(got.value);
            }
          },
          look() {
            const { sending, depth } = broadcast.statistics();
            expect(sending > 0 && depth < capacity, "a sender was passed by").toBe(false);
          },
          end() {
            for (const { at, got } of subscriptions.values()) {
              for (let taken = at.tryReceive(); taken !== undefined; taken = at.tryReceive()) got.push(taken.value);
              if (all.length === 0) all.push(...got);
              expect(got).toEqual(all);
            }
            if (subscriptions.size > 0) expect(new Set(all)).toEqual(ledger.sent);
          },
        });
      }),
      runs,
    );
  },
);
