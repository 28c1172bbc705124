/** A timeout ends a transfer between its two halves: the money has left one account and never comes to the other. */
import { type Coroutine, group, Lock, moveOnAfter, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

class Bank {
  protected readonly lock = new Lock({ name: "books" });
  readonly balances = [100, 100];

  *transfer(from: number, to: number, amount: number, journal: number): Coroutine<void> {
    using _held = yield* this.lock.hold();
    this.add(from, -amount);
    yield* sleep(journal); // it is written down
    this.add(to, amount);
  }

  protected add(to: number, amount: number): void {
    this.balances[to] = (this.balances[to] as number) + amount;
  }
}

class MendedBank extends Bank {
  override *transfer(from: number, to: number, amount: number, journal: number): Coroutine<void> {
    using _held = yield* this.lock.hold();
    yield* sleep(journal);
    // Both halves at once, with no wait between them.
    this.add(from, -amount);
    this.add(to, amount);
  }
}

function* program(bank: Bank, dice: Dice): Coroutine<void> {
  yield* group(function* (g) {
    for (let i = 0; i < 2; i++) {
      // Mostly the journal is quick.
      const journal = dice.chance(0.05, "the journal is slow") ? 40 : dice.integer(0, 5, "journal");
      g.spawn(
        moveOnAfter(25, () => bank.transfer(i, 1 - i, 10, journal)),
        { name: `transfer ${i}` },
      );
    }
  });
  const sum = (bank.balances[0] as number) + (bank.balances[1] as number);
  must(sum === 200, `of 200 there are ${sum} left`);
}

export const cancelledTransfer: Planted = {
  name: "cancel in a critical section",
  about: "a timeout ends a task between the two halves of a change",
  on: "tasks",
  budget: 200,
  broken: (dice) => program(new Bank(), dice),
  mended: (dice) => program(new MendedBank(), dice),
};
