/**
 * A leader holds a lease and writes while its own clock says that the lease is good. Between that look and the write it may
 * stand still (a collection of garbage, a virtual machine that is moved), and when it goes on there is another leader.
 */
import { type Coroutine, now, sleep } from "../../src/index.ts";
import type { World } from "../../src/sim/index.ts";
import { finished, must, type Planted } from "./planted.ts";

const LEASE = 100;

/** Gives leases, one at a time, each with a number higher than the last. */
class Leases {
  private until = 0;
  private last = 0;

  *obtain(world: World): Coroutine<number> {
    for (;;) {
      yield* sleep(1); // there and back
      if (world.time < this.until) continue;
      this.until = world.time + LEASE;
      return ++this.last;
    }
  }
}

/** What the leaders write to. */
class Store {
  readonly written: number[] = [];
  private readonly fenced: boolean;
  private highest = 0;

  constructor(fenced: boolean) {
    this.fenced = fenced;
  }

  *write(lease: number): Coroutine<boolean> {
    yield* sleep(1);
    if (this.fenced && lease < this.highest) return false;
    this.highest = Math.max(this.highest, lease);
    this.written.push(lease);
    return true;
  }
}

function* leader(world: World, leases: Leases, store: Store): Coroutine<void> {
  for (let terms = 0; terms < 3; terms++) {
    const asked = now();
    const lease = yield* leases.obtain(world);
    // Counted from before it was asked for, so that it ends rather too early than too late.
    const until = Math.max(asked, now() - 2) + LEASE;
    for (let i = 0; i < 4 && now() + 2 < until; i++) {
      if (!(yield* store.write(lease))) break;
      yield* sleep(10);
    }
  }
}

function* program(world: World, fenced: boolean): Coroutine<void> {
  const leases = new Leases();
  const store = new Store(fenced);
  const nodes = ["a", "b"].map((name) => world.node(name, () => leader(world, leases, store)));
  if (world.chance(0.5, "somebody stands still")) {
    const node = world.pick(nodes, "who");
    yield* sleep(world.integer(1, 300, "when"));
    node.pause();
    yield* sleep(world.integer(1, 250, "for how long"));
    node.resume();
  }
  for (const node of nodes) yield* finished(node);
  const sorted = store.written.toSorted((a, b) => a - b);
  must(store.written.join() === sorted.join(), `an old leader wrote after a new one: ${store.written.join()}`);
}

export const staleLeader: Planted = {
  name: "stale leader after a pause",
  about: "a leader stands still between looking at its lease and writing",
  on: "world",
  budget: 1500,
  broken: (world) => program(world, false),
  mended: (world) => program(world, true),
};
