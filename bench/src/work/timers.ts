// A million timers, all pending at once, of which 99 in 100 are cancelled before their time and the last one fires: what
// timeouts look like to the structure that keeps them.
import { timer, type Subscription } from "rxjs";
import { type Coroutine, Gate, group, type Group, run } from "rondo";
import { busy, type Workload } from "../workload.ts";

/**
 * Those that fire are due within a second, those that are cancelled within an hour: timeouts with jitter, back-offs,
 * leases. (If all were of the same few lengths Node would keep a list for each and hardly have to sort.)
 */
function due(i: number): number {
  return fires(i) ? 1 + ((i * 7919) % 1000) : 1000 + ((i * 7919) % 3_599_000);
}

/** One in a hundred fires. */
function fires(i: number): boolean {
  return i % 100 === 0;
}

/** A timer on the loop's own structure: what stands behind every sleep and timeout. */
class Alarm {
  /** Its place in the structure. */
  slot = -1;
  readonly fire: () => void;
  constructor(fire: () => void) {
    this.fire = fire;
  }
}

function* passed(gate: Gate): Coroutine<void> {
  yield* gate.wait();
}

function* rondoTimers(g: Group, amount: number): Coroutine<number> {
  const lastFired = new Gate();
  const waiter = g.spawn(passed(lastFired));
  const { loop } = waiter;
  let left = Math.ceil(amount / 100);
  const fired = (): void => {
    if (--left === 0) lastFired.open();
  };
  const started = busy();
  const begun = loop.now();
  const all: Alarm[] = [];
  for (let i = 0; i < amount; i++) {
    const alarm = new Alarm(fired);
    loop.timers.set(alarm, begun + due(i));
    all.push(alarm);
  }
  for (let i = 0; i < amount; i++) if (!fires(i)) loop.timers.remove(all[i] as Alarm);
  yield* waiter;
  return busy() - started;
}

export const timers: Workload = {
  name: "timers",
  title: "1 M timers, 99 % cancelled",
  unit: "ns",
  amount: 1_000_000,
  python: { share: 0.1 },
  contestants: [
    {
      name: "Rondo",
      run: (amount) => run(() => group((g) => rondoTimers(g, amount))),
    },
    {
      name: "async/await",
      run: (amount) =>
        new Promise((resolve) => {
          let left = Math.ceil(amount / 100);
          const fired = (): void => {
            if (--left === 0) resolve(busy() - started);
          };
          const started = busy();
          const all: NodeJS.Timeout[] = [];
          for (let i = 0; i < amount; i++) all.push(setTimeout(fired, due(i)));
          for (let i = 0; i < amount; i++) if (!fires(i)) clearTimeout(all[i]);
        }),
    },
    {
      name: "RxJS",
      share: 0.2,
      run: (amount) =>
        new Promise((resolve) => {
          let left = Math.ceil(amount / 100);
          const fired = (): void => {
            if (--left === 0) resolve(busy() - started);
          };
          const started = busy();
          const all: Subscription[] = [];
          for (let i = 0; i < amount; i++) all.push(timer(due(i)).subscribe(fired));
          for (let i = 0; i < amount; i++) if (!fires(i)) all[i]?.unsubscribe();
        }),
    },
  ],
};
