/** Two locks, taken in the order in which the accounts are named: two transfers the opposite ways wait for each other. */
import { type Coroutine, group, Lock } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

class Account {
  readonly lock: Lock;
  readonly index: number;
  balance = 100;
  constructor(index: number) {
    this.index = index;
    this.lock = new Lock({ name: `account ${index}` });
  }
}

function* transfer(from: Account, to: Account, amount: number): Coroutine<void> {
  using _one = yield* from.lock.hold();
  using _other = yield* to.lock.hold();
  from.balance -= amount;
  to.balance += amount;
}

function* mendedTransfer(from: Account, to: Account, amount: number): Coroutine<void> {
  const [first, second] = from.index < to.index ? [from, to] : [to, from];
  using _one = yield* first.lock.hold();
  using _other = yield* second.lock.hold();
  from.balance -= amount;
  to.balance += amount;
}

function* program(pay: typeof transfer): Coroutine<void> {
  const accounts = [0, 1, 2].map((index) => new Account(index));
  yield* group(function* (g) {
    // The second one goes against the other two.
    for (const [from, to] of [
      [0, 1],
      [2, 1],
      [1, 2],
    ] as const)
      g.spawn(pay(accounts[from] as Account, accounts[to] as Account, 10), { name: `${from} to ${to}` });
  });
  must(accounts.reduce((sum, { balance }) => sum + balance, 0) === 300, "money was made or lost");
}

export const lockOrder: Planted = {
  name: "lock order",
  about: "two locks are taken in either order: each has one, and waits for the other",
  on: "tasks",
  budget: 50,
  broken: () => program(transfer),
  mended: () => program(mendedTransfer),
};
