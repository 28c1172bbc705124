/** A cache is looked into, what is missing is fetched, and put in: two who miss the same thing at once both fetch it. */
import { type Coroutine, Deferred, group, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

const KEYS = 40;
const READERS = 4;

class Cache {
  fetched: number[] = [];
  protected readonly dice: Dice;
  private readonly known = new Map<number, string>();

  constructor(dice: Dice) {
    this.dice = dice;
  }

  *get(key: number): Coroutine<string> {
    const hit = this.known.get(key);
    if (hit !== undefined) return hit;
    const page = yield* this.fetch(key);
    this.known.set(key, page);
    return page;
  }

  protected *fetch(key: number): Coroutine<string> {
    this.fetched.push(key);
    yield* sleep(this.dice.integer(1, 5, "fetch"));
    return `page ${key}`;
  }
}

class MendedCache extends Cache {
  private readonly pages = new Map<number, Deferred<string>>();

  override *get(key: number): Coroutine<string> {
    let page = this.pages.get(key);
    if (page === undefined) {
      page = new Deferred<string>({ name: `page ${key}` });
      this.pages.set(key, page);
      page.resolve(yield* this.fetch(key));
    }
    return yield* page;
  }
}

function* program(cache: Cache, dice: Dice): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < READERS; i++) {
      g.spawn(
        function* () {
          yield* sleep(dice.integer(0, 10, "comes"));
          const key = dice.integer(0, KEYS, "page") + i; // tame: each their own
          const page = yield* cache.get(key);
          must(page === `page ${key}`, `page ${key} is ${page}`);
        },
        { name: `reader ${i}` },
      );
    }
  });
  must(new Set(cache.fetched).size === cache.fetched.length, `fetched twice: ${cache.fetched.join()}`);
}

export const doubleFetch: Planted = {
  name: "check-then-act on a cache",
  about: "two miss the same page at once, and both fetch it",
  on: "tasks",
  budget: 300,
  broken: (dice) => program(new Cache(dice), dice),
  mended: (dice) => program(new MendedCache(dice), dice),
};
