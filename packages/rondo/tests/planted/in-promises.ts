/**
 * The planted bugs of the schedule alone, once more with async and await, for fast-check's scheduler: whatever waits takes a
 * turn that the scheduler gives. What needs time, a network or computers has no translation.
 *
 * A turn is taken also where the original completes at once: the scheduler knows no other waits than those it is told of.
 */
import fc from "fast-check";
import { must } from "./planted.ts";

type Turn = (label: string) => Promise<void>;

/** Runs a program on one drawn schedule; true where it fails or cannot go on. */
type Attempt = (seed: number) => Promise<boolean>;

function attempt(program: (turn: Turn) => Promise<void>): Attempt {
  return async (seed) => {
    const [scheduler] = fc.sample(fc.scheduler(), { seed, numRuns: 1 });
    if (scheduler === undefined) throw new Error("fast-check has drawn no scheduler");
    let good = false;
    const running = async (): Promise<void> => {
      try {
        await program((label) => scheduler.schedule(Promise.resolve(), label));
        good = true;
      } catch {
        // It has failed, and is not good.
      }
    };
    const ended = running();
    await scheduler.waitIdle();
    // What waits for ever does so after this many turns of the microtasks too.
    await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))]);
    return !good;
  };
}

/** A lock as programs with promises have it. */
class PromiseLock {
  private held = false;
  private readonly waiting: (() => void)[] = [];

  async acquire(turn: Turn): Promise<void> {
    await turn("acquire");
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.held = true;
  }

  release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.held = false;
    else next();
  }
}

/** A condition: `wait` gives the lock up, and has it again when it is over. */
class PromiseCondition extends PromiseLock {
  private readonly sleepers: (() => void)[] = [];

  async wait(turn: Turn): Promise<void> {
    this.release();
    await new Promise<void>((resolve) => this.sleepers.push(resolve));
    await this.acquire(turn);
  }

  notify(): void {
    this.sleepers.shift()?.();
  }
}

async function lostUpdate(turn: Turn): Promise<void> {
  let balance = 0;
  const deposit = async (): Promise<void> => {
    const before = balance;
    await turn("journal");
    balance = before + 10;
  };
  const start = async (): Promise<void> => {
    await turn("start");
    await deposit();
  };
  await Promise.all([start(), start(), start()]);
  must(balance === 30, "a deposit is lost");
}

async function missedWakeUp(turn: Turn): Promise<void> {
  const items: number[] = [];
  const some = new PromiseCondition();
  const take = async (): Promise<void> => {
    await turn("start");
    for (let i = 0; i < 3; i++) {
      if (items.length === 0) {
        await some.acquire(turn);
        await some.wait(turn);
        some.release();
      }
      must(items.shift() === i, "out of order");
    }
  };
  const put = async (): Promise<void> => {
    await turn("start");
    for (let i = 0; i < 3; i++) {
      await some.acquire(turn);
      items.push(i);
      some.notify();
      some.release();
    }
  };
  await Promise.all([take(), put()]);
}

async function lateSubscriber(turn: Turn): Promise<void> {
  const listeners: (() => void)[] = [];
  let ask: () => void = () => {};
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const server = async (): Promise<void> => {
    await asked;
    await turn("answer");
    for (const listener of listeners) listener();
  };
  const client = async (): Promise<void> => {
    await turn("start");
    ask();
    await turn("send");
    await new Promise<void>((resolve) => listeners.push(resolve));
  };
  await Promise.all([server(), client()]);
}

async function lockOrder(turn: Turn): Promise<void> {
  const locks = [new PromiseLock(), new PromiseLock(), new PromiseLock()];
  const transfer = async (from: number, to: number): Promise<void> => {
    await turn("start");
    const [one, other] = [locks[from] as PromiseLock, locks[to] as PromiseLock];
    await one.acquire(turn);
    await other.acquire(turn);
    other.release();
    one.release();
  };
  await Promise.all([transfer(0, 1), transfer(2, 1), transfer(1, 2)]);
}

async function doubleClose(turn: Turn): Promise<void> {
  let closed = false;
  let open: string | undefined = "connection";
  const close = async (): Promise<void> => {
    await turn("start");
    if (closed) return;
    await turn("bye");
    closed = true;
    open = undefined;
  };
  const writer = async (): Promise<void> => {
    await close();
    open = "database";
  };
  await Promise.all([close(), writer()]);
  must(open === "database", "the database's was closed");
}

async function aba(turn: Turn): Promise<void> {
  interface Buffer {
    next: Buffer | null;
    users: number;
  }
  let first: Buffer | null = null;
  const give = (buffer: Buffer): void => {
    buffer.users = 0;
    buffer.next = first;
    first = buffer;
  };
  for (let i = 0; i < 3; i++) give({ next: null, users: 0 });
  const take = async (): Promise<Buffer | null> => {
    for (;;) {
      const seen: Buffer | null = first;
      if (seen === null) return null;
      const { next } = seen as Buffer;
      await turn("count");
      if (first !== seen) continue;
      first = next;
      must(++(seen as Buffer).users === 1, "used by two");
      return seen;
    }
  };
  const user = async (): Promise<void> => {
    await turn("start");
    const one = await take();
    const other = await take();
    if (one !== null) give(one);
    const third = await take();
    if (other !== null) give(other);
    if (third !== null) give(third);
  };
  await Promise.all([user(), user()]);
}

async function oneCondition(turn: Turn): Promise<void> {
  let item: number | undefined;
  const changed = new PromiseCondition();
  const put = async (): Promise<void> => {
    await turn("start");
    await changed.acquire(turn);
    while (item !== undefined) await changed.wait(turn);
    item = 1;
    changed.notify();
    changed.release();
  };
  const take = async (): Promise<void> => {
    await turn("start");
    await changed.acquire(turn);
    while (item === undefined) await changed.wait(turn);
    item = undefined;
    changed.notify();
    changed.release();
  };
  await Promise.all([put(), take(), put(), take()]);
}

/** By the name of the bug. */
export const inPromises: ReadonlyMap<string, Attempt> = new Map([
  ["lost update", attempt(lostUpdate)],
  ["missed wake-up", attempt(missedWakeUp)],
  ["late subscriber", attempt(lateSubscriber)],
  ["lock order", attempt(lockOrder)],
  ["double close", attempt(doubleClose)],
  ["ABA", attempt(aba)],
  ["one condition for two", attempt(oneCondition)],
]);
