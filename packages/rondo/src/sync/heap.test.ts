/** The heap against a sorted array, and under an order that throws. */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Heap } from "./heap.ts";

test("it gives what a stable sort gives, under any mixture of putting in and taking out", () => {
  const moves = fc.array(fc.option(fc.integer({ min: 0, max: 8 }), { freq: 3 }), { maxLength: 200 });
  fc.assert(
    fc.property(moves, (list) => {
      const heap = new Heap<{ key: number; order: number }>((a, b) => a.key - b.key);
      let model: { key: number; order: number }[] = [];
      for (const [order, key] of list.entries()) {
        if (key === null) {
          if (model.length > 0) expect(heap.shift()).toBe(model.shift());
        } else {
          const item = { key, order };
          heap.push(item);
          model.push(item);
          model = model.toSorted((a, b) => a.key - b.key || a.order - b.order);
        }
        expect(heap.length).toBe(model.length);
      }
      expect(heap.clear()).toEqual(model);
      expect(heap.length).toBe(0);
    }),
  );
});

test("an order that throws at any moment loses nothing and doubles nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 30 }),
      fc.infiniteStream(fc.boolean()),
      (items, coins) => {
        let fragile = false;
        const heap = new Heap<number>((a, b) => {
          if (fragile && coins.next().value) throw new Error("no order");
          return a - b;
        });
        const inside: number[] = [];
        for (const item of items) {
          fragile = true;
          try {
            heap.push(item);
            inside.push(item);
            if (coins.next().value) inside.splice(inside.indexOf(heap.shift()), 1);
          } catch {
            // the move did not happen
          }
          fragile = false;
          expect(heap.length).toBe(inside.length);
        }
        expect(heap.clear()).toEqual(inside.toSorted((a, b) => a - b));
      },
    ),
  );
});

test("clearing under an order that begins to throw still gives everything", () => {
  let calls = 0;
  const heap = new Heap<number>((a, b) => {
    if (++calls > 20) throw new Error("no order");
    return a - b;
  });
  for (const item of [5, 3, 4, 1, 2, 6]) heap.push(item);
  calls = 18;
  expect(heap.clear().toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
});
