// Holds the rule's vocabulary against the runtime: the types below are worked out from Rondo's own declarations, so a
// name that is added there and not here does not compile.
import * as http from "@rondo/http";
import * as rondo from "rondo";
import type { BroadcastSender, Group, Operation, Receiver, Scope, Sender, Subscription, Task } from "rondo";
import * as hand from "rondo/coroutine";
import * as net from "rondo/net";
import * as os from "rondo/os";
import * as sim from "rondo/sim";
import { describe, expect, expectTypeOf, it } from "vitest";
import { isRondo, methods, operations, operationTypes, results } from "./vocabulary.ts";

/** `never` and `any` are assignable to everything, and say nothing. */
type IsOperation<R> = 0 extends R & 1
  ? false
  : [R] extends [never]
    ? false
    : R extends Operation<unknown>
      ? true
      : false;

/** The names of the members of `M` that are functions and give an operation. */
type Makers<M> = {
  [K in keyof M]-?: M[K] extends (...args: never[]) => infer R ? (IsOperation<R> extends true ? K : never) : never;
}[keyof M] &
  string;

/** The classes among the exports `M`, by name, as their instances. */
type Instances<M> = {
  [K in keyof M as M[K] extends abstract new (...args: never[]) => unknown ? K : never]: M[K] extends abstract new (
    ...args: never[]
  ) => infer I
    ? I
    : never;
};

type Known = Instances<typeof rondo & typeof net & typeof os & typeof http & typeof sim> & {
  Client: http.Client;
  ClientResponse: http.ClientResponse;
  HttpRequest: http.HttpRequest;
  SimNode: sim.SimNode;
  World: sim.World;
  Listener: net.Listener;
  Pool: net.Pool<unknown>;
  UdpSocket: net.UdpSocket;
  BroadcastSender: BroadcastSender<unknown>;
  Group: Group;
  Receiver: Receiver<unknown>;
  Scope: Scope;
  Sender: Sender<unknown>;
  Subscription: Subscription<unknown>;
  Task: Task;
};

/** What gives a task that has been started already: it may be dropped. */
type Started = "launch" | "Group.spawn";
/** What is an operation by its shape alone: the inside of tasks and waits, and a walk over waits. */
type Inside = "Task.next" | "Wait.next" | "Wait.throw" | "WaitQueue.waits" | `${string}._${string}`;

/** `Class.method` of every method that makes an operation. */
type RealMethods = Exclude<{ [K in keyof Known]: `${K}.${Makers<Known[K]>}` }[keyof Known], Started | Inside>;
type ListedMethods = { [K in keyof typeof methods]: `${K}.${(typeof methods)[K][number]}` }[keyof typeof methods];

type RealTypes = { [K in keyof Known]: IsOperation<Known[K]> extends true ? K : never }[keyof Known] | "Operation";

describe("the vocabulary", () => {
  it("lists exactly the functions of each entry point that make an operation", () => {
    expectTypeOf<(typeof operations)["rondo"][number]>().toEqualTypeOf<Exclude<Makers<typeof rondo>, Started>>();
    expectTypeOf<(typeof operations)["@rondo/http"][number]>().toEqualTypeOf<Makers<typeof http>>();
    expectTypeOf<Makers<typeof sim>>().toEqualTypeOf<never>();
    expectTypeOf<(typeof operations)["rondo/coroutine"][number]>().toEqualTypeOf<Makers<typeof hand>>();
    expectTypeOf<(typeof operations)["rondo/net"][number]>().toEqualTypeOf<Makers<typeof net>>();
    expectTypeOf<(typeof operations)["rondo/os"][number]>().toEqualTypeOf<Makers<typeof os>>();
  });

  it("lists exactly the methods of each class that make an operation", () => {
    expectTypeOf<ListedMethods>().toEqualTypeOf<RealMethods>();
  });

  it("lists exactly the types that are operations themselves", () => {
    expectTypeOf<(typeof operationTypes)[number]>().toEqualTypeOf<RealTypes>();
  });

  it("knows what `spawn`, `subscribe` and the clones of an end give", () => {
    expectTypeOf<ReturnType<Group["spawn"]>>().toExtend<Task>();
    expectTypeOf<ReturnType<Known["Channel"]["cloneSender"]>>().toExtend<Sender<unknown>>();
    expectTypeOf<ReturnType<Known["Channel"]["cloneReceiver"]>>().toExtend<Receiver<unknown>>();
    expectTypeOf<ReturnType<Known["Broadcast"]["cloneSender"]>>().toExtend<BroadcastSender<unknown>>();
    expectTypeOf<ReturnType<Known["Broadcast"]["subscribe"]>>().toExtend<Subscription<unknown>>();
    expect(results).toEqual({
      Broadcast: { cloneSender: "BroadcastSender", subscribe: "Subscription" },
      Channel: { cloneReceiver: "Receiver", cloneSender: "Sender" },
      Group: { spawn: "Task" },
    });
  });

  it("names only what is really exported", () => {
    const entries: Record<string, object> = {
      rondo,
      "@rondo/http": http,
      "rondo/coroutine": hand,
      "rondo/net": net,
      "rondo/os": os,
    };
    for (const [entry, names] of Object.entries(operations)) {
      for (const name of names) expect(entries[entry], entry).toHaveProperty(name, expect.any(Function));
    }
  });

  it("is in alphabetical order, so that a person finds a name", () => {
    const lists: (readonly string[])[] = [operationTypes, ...Object.values(operations), ...Object.values(methods)];
    for (const list of lists) expect(list).toEqual(list.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(Object.keys(methods)).toEqual(Object.keys(methods).toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it("names only methods that the classes really have", () => {
    for (const [name, list] of Object.entries(methods)) {
      const known = ({ ...rondo, ...net, ...os, ...http, ...sim } as Record<string, unknown>)[name];
      if (typeof known !== "function") continue;
      for (const method of list) expect((known.prototype as object) ?? {}, name).toHaveProperty(method);
    }
  });

  it.each(["rondo", "rondo/net", "@rondo/http"])("%s is Rondo", (specifier) => {
    expect(isRondo(specifier)).toBe(true);
  });

  it.each(["rondo-x", "./rondo", "@rondox/lint", "effect"])("%s is not Rondo", (specifier) => {
    expect(isRondo(specifier)).toBe(false);
  });
});
