/** The ring against an array. */
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Ring } from "./ring.ts";

test("it gives what an array gives, under any mixture of putting in and taking out", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (moves) => {
      const ring = new Ring<number>();
      const model: number[] = [];
      for (const [i, put] of moves.entries()) {
        if (put) {
          ring.push(i);
          model.push(i);
        } else if (model.length > 0) expect(ring.shift()).toBe(model.shift());
        expect(ring.length).toBe(model.length);
      }
      expect(ring.clear()).toEqual(model);
      expect(ring.length).toBe(0);
    }),
  );
});
