import * as fc from "fast-check";
import { expect, test } from "vitest";
import { perSign, shrink, spark } from "./spark.ts";

test("a series goes from the lowest block for 0 to the highest for its largest value", () => {
  expect(spark([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
  expect(spark([0, 1, 2, 3, 4, 5, 6, 7], 8, false)).toBe("_-~=+*%#");
  expect(spark([0, 0, 0], 8)).toBe("▁▁▁");
  expect(spark([], 8)).toBe("");
});

test("something is never drawn as nothing, however little it is", () => {
  expect(spark([0, 1, 10_000], 8)).toBe("▁▂█");
});

test("what was not measured is a gap and no zero", () => {
  expect(spark([undefined, 0, 3, undefined], 8)).toBe("·▁█·");
  expect(spark([undefined, 0, 3, undefined], 8, false)).toBe("._#.");
});

test("more values than columns are put together, the latest ones in full", () => {
  expect(shrink([1, 2, 3, 4, 5], 2)).toEqual([1.5, 4]);
  expect(shrink([9, undefined, undefined, 2, undefined], 3)).toEqual([9, undefined, 2]);
  expect(perSign(90, 30)).toBe(3);
  expect(spark([4, 0, 0, 8], 2)).toBe("▅█");
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 80 }),
      (values, columns) => {
        expect([...spark(values, columns)].length).toBeLessThanOrEqual(columns);
      },
    ),
  );
});
