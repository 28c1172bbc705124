import { describe, expect, test } from "vitest";
import { Choices, type Draw, hashText } from "./choices.ts";

describe("choices", () => {
  test("without a seed and without a recording every choice is the tamest", () => {
    const choices = new Choices();
    expect([choices.choose("a", 10), choices.choose("a", 2), choices.choose("b", 1000)]).toEqual([0, 0, 0]);
  });

  test("the same seed draws the same, another one draws otherwise", () => {
    const drawn = (seed: number): number[] => {
      const choices = new Choices({ seed });
      return Array.from({ length: 50 }, () => choices.choose("a", 1000));
    };
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  test("every number below the limit comes up, and none above", () => {
    const seen = new Set<number>();
    const choices = new Choices({ seed: 3 });
    for (let i = 0; i < 1000; i++) seen.add(choices.choose("a", 7));
    expect([...seen].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("a draw more in one stream moves nothing in another", () => {
    const alone = new Choices({ seed: 9 });
    const beside = new Choices({ seed: 9 });
    const expected: number[] = [];
    const drawn: number[] = [];
    for (let i = 0; i < 20; i++) {
      expected.push(alone.choose("schedule", 100));
      beside.choose("data", 3);
      drawn.push(beside.choose("schedule", 100));
    }
    expect(drawn).toEqual(expected);
  });

  test("streams of one seed do not resemble each other", () => {
    const choices = new Choices({ seed: 1 });
    let same = 0;
    for (let i = 0; i < 1000; i++) if (choices.choose("link 1", 100) === choices.choose("link 2", 100)) same++;
    expect(same).toBeLessThan(50);
  });

  test("a recording replays what was drawn, and nothing of it is random", () => {
    const first = new Choices({ seed: 5 });
    const drawn = Array.from({ length: 100 }, (_, i) => first.choose(i % 3 === 0 ? "a" : "b", 2 + i));
    const second = new Choices({ recording: first.record() });
    expect(Array.from({ length: 100 }, (_, i) => second.choose(i % 3 === 0 ? "a" : "b", 2 + i))).toEqual(drawn);
    expect(second.record()).toEqual(first.record());
  });

  test("past the end of a recording every choice is the tamest, and a number that is too large is taken modulo", () => {
    const choices = new Choices({ recording: new Map([["a", [3, 9]]]) });
    expect([choices.choose("a", 4), choices.choose("a", 4), choices.choose("a", 4), choices.choose("b", 4)]).toEqual([
      3, 1, 0, 0,
    ]);
  });

  test("where there is nothing to choose nothing is recorded, and zeros at the end are left out", () => {
    const choices = new Choices({ recording: new Map([["a", [2, 0, 1]]]) });
    choices.choose("a", 1);
    choices.choose("a", 3);
    choices.choose("a", 3);
    expect(choices.record()).toEqual(new Map([["a", [2]]]));
  });

  test("a proposal is what is recorded, and is not asked for in a replay", () => {
    const first = new Choices({ seed: 1 });
    expect(first.stream("schedule").take(5, () => 4)).toBe(4);
    const second = new Choices({ recording: first.record() });
    expect(
      second.stream("schedule").take(5, () => {
        throw new Error("asked");
      }),
    ).toBe(4);
  });

  test("who listens hears of each draw, with its place and its label", () => {
    const draws: Draw[] = [];
    const choices = new Choices({ recording: new Map([["a", [1]]]), onDraw: (draw) => draws.push(draw) });
    choices.choose("a", 3, "which");
    choices.choose("a", 2);
    expect(draws).toEqual([
      { stream: "a", index: 0, n: 3, value: 1, label: "which" },
      { stream: "a", index: 1, n: 2, value: 0, label: undefined },
    ]);
    expect(choices.limitsOf("a")).toEqual([3, 2]);
  });

  test("the hash of a text depends on each character and on the seed", () => {
    const hashes = new Set([
      hashText(""),
      hashText("a"),
      hashText("b"),
      hashText("ab"),
      hashText("ba"),
      hashText("a", 1),
    ]);
    expect(hashes.size).toBe(6);
  });
});
