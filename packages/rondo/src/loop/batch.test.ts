import fc from "fast-check";
import { expect, test } from "vitest";

import { Batch } from "./batch.ts";

test("a batch gives back what was pushed, in order, and can be filled again", () => {
  const batch = new Batch<string>();
  for (const round of [1, 2, 3]) {
    batch.push(`${round}a`);
    batch.push(`${round}b`);
    expect(batch.left).toBe(2);
    expect([batch.take(), batch.take()]).toEqual([`${round}a`, `${round}b`]);
    expect(batch.left).toBe(0);
  }
});

test("reordering moves the picked one to the front and keeps the others in order", () => {
  const batch = new Batch<number>();
  for (let i = 0; i < 5; i++) batch.push(i);
  const picks = [3, 0, 2, 0];
  batch.reorder((n, first) => {
    expect(n).toBe(5 - (4 - picks.length));
    expect(typeof first).toBe("number");
    return picks.shift() ?? 0;
  });
  expect([batch.take(), batch.take(), batch.take(), batch.take(), batch.take()]).toEqual([3, 0, 4, 1, 2]);
});

test("a batch agrees with an array under any sequence of push, take and reorder", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant("push" as const), fc.constant("take" as const), fc.infiniteStream(fc.nat())), {
        maxLength: 60,
      }),
      (ops) => {
        const batch = new Batch<number>();
        let model: number[] = [];
        let next = 0;
        for (const op of ops) {
          if (op === "push") {
            batch.push(next);
            model.push(next++);
          } else if (op === "take") {
            if (model.length === 0) continue;
            expect(batch.take()).toBe(model.shift());
          } else {
            const choices: number[] = [];
            batch.reorder((n) => {
              const choice = (op.next().value as number) % n;
              choices.push(choice);
              return choice;
            });
            const left = model;
            model = [];
            for (const choice of choices) model.push(...left.splice(choice, 1));
            model.push(...left);
          }
          expect(batch.left).toBe(model.length);
        }
      },
    ),
  );
});
