/**
 * Rondo's locks and channels through the exported suites, on every schedule; and broken ones, to see that the suites can
 * fail.
 */
import { describe, expect, test } from "vitest";
import {
  Channel,
  checkpoint,
  Lock,
  type Operation,
  run,
  Semaphore,
  VirtualHost,
  type Wait,
  WaitQueue,
} from "../index.ts";
import { seeds } from "../../tests/virtual.ts";
import {
  channelChecks,
  type Check,
  type CheckedChannel,
  type CheckedLock,
  checkChannel,
  checkLock,
  lockChecks,
} from "./index.ts";

async function onSchedules(check: Check): Promise<void> {
  for (const seed of seeds) await run(() => check.run(), { host: new VirtualHost({ seed }) });
}

async function failing(checks: readonly Check[]): Promise<string[]> {
  const names: string[] = [];
  for (const check of checks) {
    try {
      await run(() => check.run(), { host: new VirtualHost() });
    } catch {
      names.push(check.name);
    }
  }
  return names;
}

describe("a Lock", () => {
  test.each(lockChecks(() => new Lock()))("$name", onSchedules);
});

describe("a Semaphore of one permit", () => {
  test.each(lockChecks(() => new Semaphore(1), { owned: false }))("$name", onSchedules);
});

for (const capacity of [0, 1, 3, Infinity]) {
  describe(`a Channel of capacity ${capacity}`, () => {
    test.each(channelChecks(() => new Channel<number>(capacity)))("$name", onSchedules);
  });
}

// ---- broken ones ----------------------------------------------------------------------------------------------------

/** A lock of the usual wrong kind: a flag, and a line of those who are told to look again. */
class BargingLock implements CheckedLock {
  protected held = false;
  protected readonly line = new WaitQueue();
  *acquire(): Generator<Wait, void, any> {
    while (this.held) yield* this.line.park();
    this.held = true;
  }
  tryAcquire(): boolean {
    if (this.held) return false;
    this.held = true;
    return true;
  }
  release(): void {
    this.held = false;
    this.line.unpark(1);
  }
}

/** Serves the last one first. */
class StackLock extends BargingLock {
  private readonly stack: WaitQueue[] = [];
  override *acquire(): Generator<Wait, void, any> {
    if (!this.held) {
      this.held = true;
      return;
    }
    const mine = new WaitQueue();
    this.stack.push(mine);
    yield* mine.park();
  }
  override release(): void {
    for (let next = this.stack.pop(); next !== undefined; next = this.stack.pop()) if (next.unpark(1) > 0) return;
    this.held = false;
  }
}

/** Hands over, and forgets that whoever was chosen may be cancelled before it has run. */
class GraveLock extends BargingLock {
  override *acquire(): Generator<Wait, void, any> {
    if (this.held) {
      yield* this.line.park();
      yield* checkpoint();
    }
    this.held = true;
  }
  override release(): void {
    if (this.line.unpark(1) === 0) this.held = false;
  }
}

/** Lets everybody in. */
class OpenLock extends BargingLock {
  override *acquire(): Generator<Wait, void, any> {
    this.held = true;
    yield* checkpoint();
  }
}

test.each([
  [BargingLock, "a release hands it over: nobody gets in between"],
  [StackLock, "those who wait get it in the order in which they came"],
  [GraveLock, "one who is cancelled in the moment in which it is handed over does not take it to the grave"],
  [OpenLock, "there is never more than one holder, whoever is cancelled and when"],
])("a %o fails the case that is there for it", async (Broken, name) => {
  expect(await failing(lockChecks(() => new Broken(), { owned: false }))).toContain(name);
});

test("a lock that does not know its holder fails where it should", async () => {
  expect(await failing(lockChecks(() => new Semaphore(1)))).toEqual([
    "a release by somebody who does not hold it is an error, and changes nothing",
    "whoever acquires what it holds is told so, and does not wait for itself",
  ]);
});

type Faults = (channel: Channel<number>) => Partial<Record<keyof CheckedChannel, unknown>>;

function broken(capacity: number, faults: Faults): CheckedChannel {
  const channel = new Channel<number>(capacity);
  const own = faults(channel);
  return new Proxy<CheckedChannel>(channel, {
    get(target, key) {
      if (key in own) return own[key as keyof CheckedChannel];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value as () => unknown).bind(target) : value;
    },
  });
}

function* passing<T>(operation: Operation<T>): Generator<Wait, T, any> {
  const value = yield* operation;
  yield* checkpoint();
  return value;
}

const channelFaults: Record<string, { readonly breaks: string; readonly capacity: number; readonly faults: Faults }> = {
  "receives have their item before their last switch point": {
    breaks: "an item that is handed over and a cancellation in the same moment: it is had, or it is still there",
    capacity: 1,
    faults: (channel) => ({ receive: () => passing(channel.receive()) }),
  },
  "more is buffered than it says": {
    breaks: "as many are buffered as it says, and the next one waits",
    capacity: 2,
    faults: () => {
      const wide = new Channel<number>(4);
      return {
        send: (item: number) => wide.send(item),
        trySend: (item: number) => wide.trySend(item),
        receive: () => wide.receive(),
        tryReceive: () => wide.tryReceive(),
      };
    },
  },
  "one sender's close ends the stream for all": {
    breaks: "a sender that is closed ends the stream for nobody else",
    capacity: 1,
    faults: (channel) => ({ cloneSender: () => ({ send: (item: number) => channel.send(item), close: () => {} }) }),
  },
  "the end comes before what is buffered": {
    breaks: "when the last sender is closed the items that are there come first, and then the end, again and again",
    capacity: 2,
    faults: (channel) => ({
      close() {
        while (channel.tryReceive() !== undefined);
        channel.close();
      },
    }),
  },
  "senders are not told that nobody listens": {
    breaks: "senders are told when the last receiver has gone, those who wait and those who come",
    capacity: 1,
    faults: () => ({ receiver: { close: () => {} } }),
  },
  "the end can be sent": {
    breaks: "the end itself cannot be sent",
    capacity: 1,
    faults: (channel) => ({ send: (item: number) => channel.send(item ?? 0) }),
  },
  "every second item is lost": {
    breaks: "items arrive in order, each once",
    capacity: 3,
    faults: (channel) => ({ send: (item: number) => (item % 2 === 1 ? checkpoint() : channel.send(item)) }),
  },
};

test.each(Object.keys(channelFaults))("%s, and the case for it fails", async (name) => {
  const { breaks, capacity, faults } = channelFaults[name] as (typeof channelFaults)[string];
  expect(await failing(channelChecks(() => broken(capacity, faults)))).toContain(breaks);
});

test("the whole suites in one operation", async () => {
  const host = new VirtualHost();
  await run(() => checkLock(() => new Lock()), { host });
  await run(() => checkChannel(() => new Channel<number>(2)), { host });
  await expect(run(() => checkLock(() => new OpenLock()), { host })).rejects.toThrow(/^".*" does not hold: /);
  await expect(
    run(() => checkChannel(() => broken(1, () => ({ receiver: { close: () => {} } }))), { host }),
  ).rejects.toThrow(/^".*" does not hold: /);
});
