import fc from "fast-check";
import { expect, test } from "vitest";

import { RunQueue } from "./run-queue.ts";

/** Everything that is ready, in order, turn by turn. */
function drained<T>(queue: RunQueue<T>): T[][] {
  const turns: T[][] = [];
  while (queue.turn()) {
    const turn: T[] = [];
    while (queue.left > 0) turn.push(queue.take());
    turns.push(turn);
  }
  return turns;
}

test("what becomes ready in a turn waits for the next one", () => {
  const queue = new RunQueue<string>();
  queue.push("a");
  queue.push("b");
  expect([queue.size, queue.left]).toEqual([2, 0]);
  expect(queue.turned).toBe(true);
  expect(queue.turn()).toBe(true);
  expect([queue.left, queue.turned]).toEqual([2, false]);
  expect(queue.take()).toBe("a");
  queue.push("c");
  expect([queue.size, queue.left]).toEqual([2, 1]);
  expect(queue.take()).toBe("b");
  expect([queue.size, queue.left]).toEqual([1, 0]);
  expect(drained(queue)).toEqual([["c"]]);
});

test("a queue keeps its order however often it has come round and however much it has grown", () => {
  const queue = new RunQueue<number>();
  let pushed = 0;
  let taken = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < round; i++) queue.push(pushed++);
    queue.turn();
    // Half of a turn, and what comes meanwhile; then the rest.
    for (let i = queue.left >> 1; i > 0; i--) expect(queue.take()).toBe(taken++);
    for (let i = 0; i < 5; i++) queue.push(pushed++);
    while (queue.left > 0) expect(queue.take()).toBe(taken++);
    expect(queue.size).toBe(5);
    queue.turn();
    while (queue.left > 0) expect(queue.take()).toBe(taken++);
  }
  expect(taken).toBe(pushed);
});

test("a turn ends where it ended, however much the queue grows meanwhile", () => {
  const queue = new RunQueue<number>();
  for (let i = 0; i < 10; i++) queue.push(i);
  queue.turn();
  for (let i = 0; i < 5; i++) queue.take();
  for (let i = 10; i < 100; i++) queue.push(i);
  expect([queue.left, queue.size]).toEqual([5, 95]);
  expect(Array.from({ length: queue.left }, () => queue.take())).toEqual([5, 6, 7, 8, 9]);
  expect(drained(queue).map((turn) => turn.length)).toEqual([90]);
});

test("the one taken last is the one that is being stepped, also while the queue grows", () => {
  const queue = new RunQueue<string>();
  queue.push("first");
  queue.turn();
  queue.take();
  for (let i = 0; i < 100; i++) {
    expect(queue.stepped).toBe("first");
    queue.push(`${i}`);
  }
  expect(drained(queue)).toEqual([Array.from({ length: 100 }, (_, i) => `${i}`)]);
  expect(queue.stepped).toBe("99");
  queue.rest();
  expect(queue.stepped).toBeNull();
});

test("nothing that has been taken is kept, but the one taken last", () => {
  const queue = new RunQueue<object>();
  const places = (): number => (queue as unknown as { items: unknown[] }).items.filter((item) => item !== null).length;
  for (let i = 0; i < 100; i++) queue.push({});
  queue.turn();
  for (let left = 99; left >= 0; left--) {
    queue.take();
    expect(places()).toBe(left + 1);
  }
  queue.rest();
  expect(places()).toBe(0);
});

test("reordering moves the picked one to the front, keeps the others in order, and leaves the next turn alone", () => {
  const queue = new RunQueue<number>();
  for (let i = 0; i < 5; i++) queue.push(i);
  queue.turn();
  queue.push(5);
  const picks = [3, 0, 2, 0];
  queue.reorder((n, first) => {
    expect(n).toBe(5 - (4 - picks.length));
    expect(typeof first).toBe("number");
    return picks.shift() ?? 0;
  });
  const turn = [queue.take(), queue.take(), queue.take(), queue.take(), queue.take()];
  expect(turn).toEqual([3, 0, 4, 1, 2]);
  expect(drained(queue)).toEqual([[5]]);
});

test("a queue agrees with two arrays under any sequence of push, turn, take and reorder", () => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.constant("push" as const) },
    { weight: 3, arbitrary: fc.constant("take" as const) },
    { weight: 1, arbitrary: fc.constant("rest" as const) },
    { weight: 1, arbitrary: fc.infiniteStream(fc.nat()) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new RunQueue<number>();
      let now: number[] = [];
      let later: number[] = [];
      let next = 0;
      for (const operation of operations) {
        if (operation === "push") {
          queue.push(next);
          later.push(next++);
        } else if (operation === "take") {
          expect(queue.turned).toBe(now.length === 0);
          if (now.length === 0) {
            expect(queue.turn()).toBe(later.length > 0);
            [now, later] = [later, []];
            expect(queue.left).toBe(now.length);
          }
          if (now.length === 0) continue;
          const expected = now.shift();
          expect(queue.take()).toBe(expected);
          expect(queue.stepped).toBe(expected);
        } else if (operation === "rest") {
          queue.rest();
        } else {
          const choices: number[] = [];
          queue.reorder((n) => {
            const choice = (operation.next().value as number) % n;
            choices.push(choice);
            return choice;
          });
          const left = now;
          now = [];
          for (const choice of choices) now.push(...left.splice(choice, 1));
          now.push(...left);
        }
        expect([queue.left, queue.size]).toEqual([now.length, now.length + later.length]);
      }
      expect(drained(queue).flat()).toEqual([...now, ...later]);
    }),
  );
});
