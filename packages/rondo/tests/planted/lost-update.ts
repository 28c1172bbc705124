/**
 * A balance is read, then comes a send that completes at once because the channel has room, then the balance is written.
 * It works for as long as there is room: the day the journal is slow, another deposit comes in between and is lost.
 */
import { Channel, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

interface Account {
  balance: number;
}

function* deposit(account: Account, journal: Channel<number>, amount: number): Coroutine<void> {
  const before = account.balance;
  yield* journal.send(amount);
  account.balance = before + amount;
}

function* mendedDeposit(account: Account, journal: Channel<number>, amount: number): Coroutine<void> {
  yield* journal.send(amount);
  account.balance += amount;
}

function* program(pay: typeof deposit): Coroutine<void> {
  const account = { balance: 0 };
  const journal = new Channel<number>(16);
  yield* group(function* (g) {
    for (let i = 0; i < 3; i++) g.spawn(pay(account, journal, 10), { name: `deposit ${i}` });
  });
  must(account.balance === 30, `three deposits of 10 make ${account.balance}`);
}

export const lostUpdate: Planted = {
  name: "lost update",
  about: "a value is read, a wait that mostly completes at once, the value is written back",
  on: "tasks",
  budget: 50,
  broken: () => program(deposit),
  mended: () => program(mendedDeposit),
};
