// The promise idioms that Rondo is held against: what a careful person writes today, and no more.
//
// Each hands over directly (a waiter that is woken has got the thing), so that nothing is looped or lost, and none of
// them can be cancelled.

/** A first-in-first-out queue that holds `capacity` items; senders wait while it is full. */
export class PromiseQueue<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  readonly #receivers: ((item: T) => void)[] = [];
  readonly #senders: { item: T; resolve: () => void }[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async send(item: T): Promise<void> {
    const receiver = this.#receivers.shift();
    if (receiver) {
      receiver(item);
    } else if (this.#items.length < this.#capacity) {
      this.#items.push(item);
    } else {
      await new Promise<void>((resolve) => this.#senders.push({ item, resolve }));
    }
  }

  async receive(): Promise<T> {
    if (this.#items.length > 0) {
      const item = this.#items.shift() as T;
      const sender = this.#senders.shift();
      if (sender) {
        this.#items.push(sender.item);
        sender.resolve();
      }
      return item;
    }
    return new Promise<T>((resolve) => this.#receivers.push(resolve));
  }
}

/** A lock that is handed to its waiters in the order they came. */
export class PromiseLock {
  #held = false;
  readonly #waiters: (() => void)[] = [];

  async acquire(): Promise<void> {
    if (this.#held) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    this.#held = true;
  }

  release(): void {
    const next = this.#waiters.shift();
    if (next) next();
    else this.#held = false;
  }
}

/** Waits `ms` milliseconds, for good. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The result of `promise`, or an error after `ms`; the work itself goes on, as nothing can stop it. */
export async function withTimeout<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
