import { expect, test } from "vitest";
import { Numbers } from "./numbers.ts";

test("numbers are kept as they are, however many and however large", () => {
  const numbers = new Numbers();
  const wanted: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const value = i === 500 ? 2 ** 53 - 1 : i === 700 ? 65_536 : (i * 7) % 65_536;
    numbers.push(value);
    wanted.push(value);
  }
  expect(numbers.toArray()).toEqual(wanted);
  expect(numbers.toArray(3)).toEqual([0, 7, 14]);
  expect(numbers.length).toBe(1000);
});

test("zeros at the end are not significant", () => {
  const numbers = new Numbers();
  expect(numbers.significant).toBe(0);
  for (const value of [0, 3, 0, 0]) numbers.push(value);
  expect(numbers.significant).toBe(2);
});
