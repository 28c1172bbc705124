/** A timeout around the wait for a task, and not around its work: the caller goes on and tries again, and the first try goes on too. */
import { type Coroutine, group, type Group, moveOnAfter, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

interface Shop {
  charged: number;
}

function* charge(shop: Shop, dice: Dice): Coroutine<void> {
  yield* sleep(dice.chance(0.05, "the bank is slow") ? dice.integer(45, 80, "how slow") : dice.integer(1, 10, "bank"));
  shop.charged++;
}

function* pay(shop: Shop, dice: Dice, g: Group): Coroutine<void> {
  for (let tries = 0; tries < 3; tries++) {
    const task = g.spawn(charge(shop, dice), { name: `charge ${tries}` });
    if (!(yield* moveOnAfter(50, task)).timedOut) return;
  }
}

function* mendedPay(shop: Shop, dice: Dice): Coroutine<void> {
  for (let tries = 0; tries < 3; tries++) if (!(yield* moveOnAfter(50, () => charge(shop, dice))).timedOut) return;
}

function* program(buy: typeof pay, dice: Dice): Coroutine<void> {
  const shop = { charged: 0 };
  yield* group((g) => buy(shop, dice, g));
  must(shop.charged <= 1, `charged ${shop.charged} times`);
}

export const abandonedWork: Planted = {
  name: "timeout that abandons work",
  about: "the wait is given up and the work goes on, beside the next try",
  on: "tasks",
  budget: 300,
  broken: (dice) => program(pay, dice),
  mended: (dice) => program(mendedPay, dice),
};
