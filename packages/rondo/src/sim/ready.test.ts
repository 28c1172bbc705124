import { describe, expect, test } from "vitest";
import type { Runnable } from "../loop/loop.ts";
import { ReadyList } from "./ready.ts";

const task = (name: string): Runnable => ({ name, step() {} });

function filled(names: string, owners = names): ReadyList<string> {
  const list = new ReadyList<string>();
  [...names].forEach((name, i) => list.push(task(name), owners[i] as string));
  return list;
}

function drained(list: ReadyList<string>): string {
  let names = "";
  while (list.size > 0) names += list.take(0).name;
  return names;
}

describe("the list of ready tasks", () => {
  test("gives them in the order in which they came, and says whose each was", () => {
    const list = filled("abc", "xyx");
    expect([list.take(0).name, list.owner, list.take(0).name, list.owner]).toEqual(["a", "x", "b", "y"]);
    expect(drained(list)).toBe("c");
  });

  test("taking one from the middle leaves the order of the others", () => {
    const list = filled("abcdef");
    expect(list.take(3).name).toBe("d");
    expect(list.owner).toBe("d");
    expect(list.at(2).name).toBe("c");
    expect(list.take(4).name).toBe("f");
    expect(drained(list)).toBe("abce");
  });

  test("takes out all of one owner, and counts them", () => {
    const list = filled("abcdef", "xyxyxy");
    list.take(0);
    expect(list.sizeOf("x")).toBe(2);
    expect(list.remove("x").map((one) => one.name)).toEqual(["c", "e"]);
    expect(list.sizeOf("x")).toBe(0);
    list.push(task("g"), "z");
    expect(drained(list)).toBe("bdfg");
  });

  test("stays right while it is filled and emptied for long without ever being empty", () => {
    const list = new ReadyList<string>();
    const model: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      list.push(task(String(i)), "x");
      model.push(String(i));
      if (model.length > 40) {
        const at = (i * 7) % model.length;
        expect(list.take(at).name).toBe(model.splice(at, 1)[0]);
      }
    }
    expect(list.size).toBe(model.length);
    while (model.length > 0) expect(list.take(0).name).toBe(model.shift());
  });
});
