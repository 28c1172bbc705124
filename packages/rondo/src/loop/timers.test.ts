import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type Timed, Timers } from "./timers.ts";

class Node implements Timed {
  slot = -1;
  readonly name: string;
  private readonly log: string[];
  private readonly work: (() => void) | undefined;
  constructor(name: string, log: string[], work?: () => void) {
    this.name = name;
    this.log = log;
    this.work = work;
  }
  fire(): void {
    this.log.push(this.name);
    this.work?.();
  }
}

describe("timers", () => {
  test("fire in the order of their times, first in first out for equal ones", () => {
    const timers = new Timers();
    const log: string[] = [];
    for (const [name, at] of [
      ["c", 30],
      ["a", 10],
      ["b1", 20],
      ["b2", 20],
      ["b3", 20],
      ["a2", 10],
    ] as const) {
      timers.set(new Node(name, log), at);
    }
    expect(timers.earliest).toBe(10);
    expect(timers.fireDue(9)).toBe(0);
    expect(timers.fireDue(20)).toBe(5);
    expect(log).toEqual(["a", "a2", "b1", "b2", "b3"]);
    expect(timers.earliest).toBe(30);
    expect(timers.fireDue(1000)).toBe(1);
    expect([timers.size, timers.earliest]).toEqual([0, Infinity]);
  });

  // Edge 16: cancelled from the callback of a sibling that is due in the same batch.
  test("one that is removed by another of its batch does not fire", () => {
    const timers = new Timers();
    const log: string[] = [];
    const victim = new Node("victim", log);
    timers.set(new Node("killer", log, () => expect(timers.remove(victim)).toBe(true)), 10);
    timers.set(victim, 10);
    timers.set(new Node("last", log), 10);
    expect(timers.fireDue(10)).toBe(2);
    expect(log).toEqual(["killer", "last"]);
    expect(timers.remove(victim)).toBe(false);
  });

  // Edge 16: re-armed inside a callback.
  test("one that sets itself again in its own callback fires in a later pass, also when it is due at once", () => {
    const timers = new Timers();
    const log: string[] = [];
    let rounds = 0;
    const self: Node = new Node("self", log, () => {
      if (++rounds < 3) timers.set(self, 10);
    });
    timers.set(self, 10);
    expect([timers.fireDue(10), timers.fireDue(10), timers.fireDue(10), timers.fireDue(10)]).toEqual([1, 1, 1, 0]);
  });

  test("one that another of its batch sets again fires at its new time only", () => {
    const timers = new Timers();
    const log: string[] = [];
    const moved = new Node("moved", log);
    timers.set(new Node("mover", log, () => timers.set(moved, 50)), 10);
    timers.set(moved, 10);
    timers.fireDue(10);
    expect(log).toEqual(["mover"]);
    expect(timers.timeOf(moved)).toBe(50);
    timers.fireDue(50);
    expect(log).toEqual(["mover", "moved"]);
  });

  test("one that is added by a callback and due at once waits for the next pass", () => {
    const timers = new Timers();
    const log: string[] = [];
    timers.set(new Node("first", log, () => timers.set(new Node("added", log), 5)), 10);
    expect(timers.fireDue(10)).toBe(1);
    expect(timers.fireDue(10)).toBe(1);
    expect(log).toEqual(["first", "added"]);
  });

  test("one that throws costs the others of its batch nothing", () => {
    const timers = new Timers();
    const log: string[] = [];
    timers.set(
      new Node("bad", log, () => {
        throw new Error("bad timer");
      }),
      10,
    );
    timers.set(new Node("good", log), 10);
    expect(() => timers.fireDue(10)).toThrow("bad timer");
    expect(log).toEqual(["bad", "good"]);
    expect(timers.size).toBe(0);
  });

  test("setting one that is set moves it, to the end of those with an equal time", () => {
    const timers = new Timers();
    const log: string[] = [];
    const [a, b] = [new Node("a", log), new Node("b", log)];
    timers.set(a, 10);
    timers.set(b, 10);
    timers.set(a, 10);
    expect(timers.size).toBe(2);
    timers.fireDue(10);
    expect(log).toEqual(["b", "a"]);
  });

  test("removing is remembered by nobody: a removed one can be set again, and twice is once", () => {
    const timers = new Timers();
    const log: string[] = [];
    const node = new Node("node", log);
    expect(timers.remove(node)).toBe(false);
    timers.set(node, 10);
    expect([timers.remove(node), timers.remove(node)]).toEqual([true, false]);
    expect(timers.fireDue(100)).toBe(0);
    timers.set(node, 10);
    timers.fireDue(100);
    expect(log).toEqual(["node"]);
  });

  test("a million of which 99 % are removed leave nothing behind", () => {
    const timers = new Timers();
    const log: string[] = [];
    for (let i = 0; i < 100_000; i++) {
      const node = new Node(String(i), log);
      timers.set(node, (i * 7919) % 1000);
      if (i % 100 !== 0) timers.remove(node);
    }
    expect(timers.size).toBe(1000);
    expect(timers.fireDue(1000)).toBe(1000);
  });

  // The model: a list, sorted by time and then by when it was set.
  test("agree with a model under any sequence of set, move, remove and fire, also from inside callbacks", () => {
    const op = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), node: fc.nat(19), at: fc.nat(30) }),
      fc.record({ kind: fc.constant("remove" as const), node: fc.nat(19) }),
      fc.record({ kind: fc.constant("fire" as const), now: fc.nat(40) }),
      fc.record({
        kind: fc.constant("plan" as const),
        node: fc.nat(19),
        next: fc.record({ node: fc.nat(19), at: fc.option(fc.nat(40), { nil: undefined }) }),
      }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 120 }), (ops) => {
        const timers = new Timers();
        const fired: string[] = [];
        // What a node does when it fires, once: set another one, or remove it.
        const plans = new Map<number, { node: number; at: number | undefined }>();
        const nodes = Array.from({ length: 20 }, (_, i) => new Node(String(i), fired, () => act(i)));
        const act = (i: number): void => {
          const plan = plans.get(i);
          plans.delete(i);
          if (plan === undefined) return;
          if (plan.at === undefined) timers.remove(nodes[plan.node] as Node);
          else timers.set(nodes[plan.node] as Node, plan.at);
        };
        let order = 0;
        const model = new Map<number, { at: number; order: number }>();
        const modelFired: string[] = [];
        const modelPlans = new Map<number, { node: number; at: number | undefined }>();
        const modelFire = (now: number): void => {
          const due = [...model]
            .filter(([, { at }]) => at <= now)
            .toSorted(([, a], [, b]) => a.at - b.at || a.order - b.order)
            .map(([node]) => node);
          const batch = new Set(due);
          for (const node of due) model.delete(node);
          for (const node of due) {
            if (!batch.delete(node)) continue;
            modelFired.push(String(node));
            const plan = modelPlans.get(node);
            modelPlans.delete(node);
            if (plan === undefined) continue;
            batch.delete(plan.node);
            if (plan.at === undefined) model.delete(plan.node);
            else model.set(plan.node, { at: plan.at, order: order++ });
          }
        };
        for (const step of ops) {
          if (step.kind === "set") {
            timers.set(nodes[step.node] as Node, step.at);
            model.set(step.node, { at: step.at, order: order++ });
          } else if (step.kind === "remove") {
            expect(timers.remove(nodes[step.node] as Node)).toBe(model.delete(step.node));
          } else if (step.kind === "plan") {
            plans.set(step.node, step.next);
            modelPlans.set(step.node, step.next);
          } else {
            timers.fireDue(step.now);
            modelFire(step.now);
          }
          expect(timers.size).toBe(model.size);
          expect(timers.earliest).toBe(Math.min(Infinity, ...[...model.values()].map(({ at }) => at)));
        }
        timers.fireDue(1000);
        modelFire(1000);
        expect(fired).toEqual(modelFired);
      }),
      { numRuns: 1000 },
    );
  });
});
