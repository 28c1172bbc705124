/**
 * A pool of its own making: who waits leaves a deferred, and who gives back resolves the first. Where the timeout has fired
 * and the one who waited has not run yet, its deferred still stands in the line: the connection is handed to somebody who
 * no longer wants it, and nobody has it.
 */
import { type Coroutine, Deferred, group, moveOnAfter, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

class Pool {
  readonly idle: string[] = ["c1"];
  protected readonly line: Deferred<string>[] = [];

  *lease(ms: number): Coroutine<string | undefined> {
    const free = this.idle.pop();
    if (free !== undefined) return free;
    const turn = new Deferred<string>({ name: "turn" });
    this.line.push(turn);
    const got = yield* moveOnAfter(ms, turn);
    return got.timedOut ? yield* this.gaveUp(turn) : got.value;
  }

  giveBack(connection: string): void {
    const next = this.line.shift();
    if (next === undefined) this.idle.push(connection);
    else next.resolve(connection);
  }

  protected *gaveUp(turn: Deferred<string>): Coroutine<string | undefined> {
    const at = this.line.indexOf(turn);
    if (at !== -1) this.line.splice(at, 1);
    return undefined;
  }
}

class MendedPool extends Pool {
  protected override *gaveUp(turn: Deferred<string>): Coroutine<string | undefined> {
    const at = this.line.indexOf(turn);
    // It is no longer in the line: it was handed a connection in the last moment.
    if (at === -1) return yield* turn;
    this.line.splice(at, 1);
    return undefined;
  }
}

function* program(pool: Pool, dice: Dice): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < 2; i++) {
      g.spawn(
        function* () {
          yield* sleep(dice.integer(0, 5, "comes"));
          const connection = yield* pool.lease(10);
          if (connection === undefined) return;
          yield* sleep(dice.integer(1, 20, "uses"));
          pool.giveBack(connection);
        },
        { name: `user ${i}` },
      );
    }
  });
  must(pool.idle.length === 1, "the connection is lost");
}

export const timeoutAndResult: Planted = {
  name: "result while the timeout fires",
  about: "a connection is handed to somebody whose timeout has just fired",
  on: "tasks",
  budget: 500,
  broken: (dice) => program(new Pool(), dice),
  mended: (dice) => program(new MendedPool(), dice),
};
