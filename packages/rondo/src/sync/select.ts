/**
 * Select: wait for the first of several waits. Exactly one arm is taken and nothing is lost: granting one arm
 * withdraws its siblings before the granter goes on, so an item or a permit can never be handed to two arms, nor to
 * none.
 *
 * First every arm is polled; none of them stands in a queue yet, so arms of one select never meet each other. Only if
 * none is ready are they begun, in order. Which one is polled first goes round, because always taking the first would
 * starve the others (Go draws lots, for the same reason).
 */
import { kernel } from "../coroutine/kernel.ts";
import {
  CHECKPOINT,
  defineKind,
  describeWait,
  FRESH,
  grant,
  GRANTED,
  type Operation,
  ownWait,
  PARKED,
  refuse,
  SHARED,
  USED,
  Wait,
  type Waiter,
  WITHDRAWN,
} from "../coroutine/wait.ts";
import type { Loop } from "../loop/loop.ts";
import { sleep } from "../loop/sleep.ts";

/** What an arm may be: a Wait, or something whose wait can be had (a task). */
export type Arm<T = any> = Wait<T> | (Operation<T> & { join(): Wait<T> });

type ArmValue<A> = A extends Operation<infer T> ? T : never;

/** What `select` gives: which arm was taken, and its value. */
export type Selected<Arms extends Record<string, Arm>> = {
  [Key in keyof Arms]: { readonly key: Key; readonly value: ArmValue<Arms[Key]> };
}[keyof Arms];

class BegunArm implements Waiter {
  declare readonly select: Wait;
  declare readonly key: string;
  declare readonly wait: Wait;

  constructor(select: Wait, key: string, wait: Wait) {
    this.select = select;
    this.key = key;
    this.wait = wait;
  }
  get loop(): unknown {
    return (this.select.waiter as Waiter).loop;
  }
  get owner(): unknown {
    return (this.select.waiter as Waiter).owner;
  }
  wake(wait: Wait): void {
    const { select } = this;
    // Taken already: this one had said that it was too late to withdraw, and its result has nowhere to go.
    if (select.state !== PARKED) return;
    const granted = wait.state === GRANTED;
    wait.state = USED;
    withdrawArms(select, this);
    if (granted) grant(select, { key: this.key, value: wait.value as unknown });
    else refuse(select, wait.value);
  }
}

/** Withdraws every arm but one; true when none said that it is too late. */
function withdrawArms(select: Wait, except: BegunArm | null): boolean {
  let all = true;
  for (const arm of select.value as BegunArm[]) {
    const { wait } = arm;
    if (arm === except || wait.state !== PARKED) continue;
    let withdrawn = true;
    try {
      withdrawn = wait.kind.abort(wait);
    } catch (error) {
      // Whoever grants the other arm is not to blame, and must go on.
      (arm.loop as Loop).report({ kind: "host", message: `withdrawing the arm "${arm.key}" of a select threw`, error });
    }
    if (withdrawn && wait.state === PARKED) wait.state = WITHDRAWN;
    else if (!withdrawn) all = false;
  }
  return all;
}

const SELECT = defineKind({
  label: "select",
  poll(select) {
    const arms = select.arg as [string, Wait][];
    const loop = kernel.current?.loop as Loop | undefined;
    const first = loop === undefined ? 0 : firstOf(loop, arms.length);
    for (let i = 0; i < arms.length; i++) {
      const [key, wait] = arms[(first + i) % arms.length] as [string, Wait];
      if (wait.state !== FRESH)
        throw new Error(`the arm "${key}" of a select is a wait that was used already: make a new one each time`);
      if (wait.kind.poll(wait)) {
        for (const [, other] of arms) other.state = USED;
        select.value = { key, value: wait.value as unknown };
        return true;
      }
    }
    return false;
  },
  begin(select) {
    const begun: BegunArm[] = [];
    select.value = begun;
    for (const [key, wait] of select.arg as [string, Wait][]) {
      const arm = new BegunArm(select, key, wait);
      begun.push(arm);
      wait.waiter = arm;
      wait.state = PARKED;
      wait.since = kernel.clock;
      try {
        wait.kind.begin(wait);
      } catch (error) {
        wait.state = USED;
        if (select.state === PARKED) withdrawArms(select, null);
        throw error;
      }
      // A `suspend` may wake at once: then the rest is not begun at all.
      if (select.state !== PARKED) return;
    }
  },
  abort: (select) => withdrawArms(select, null),
  labelOf: (select) =>
    `select ${(select.arg as [string, Wait][]).map(([key, wait]) => `${key}: ${wait.label}`).join(", ")}`,
});

function firstOf(loop: Loop, n: number): number {
  return loop.host.shuffles ? loop.host.choose("select", n) : loop.rotor++ % n;
}

function armOf(key: string, arm: Arm): Wait {
  if (arm === CHECKPOINT) return sleep(0); // the shared checkpoint stands in no queue
  const wait: unknown = arm instanceof Wait ? arm : (arm as { join?: () => unknown } | null | undefined)?.join?.();
  if (!(wait instanceof Wait) || wait.kind.enter !== null) {
    const given = wait instanceof Wait ? describeWait(wait) : "what it was given";
    throw new TypeError(
      `the arm "${key}" of a select must be a wait, such as channel.receive() or sleep(ms), not an operation (${given}): for whole operations there is race()`,
    );
  }
  if (wait.state !== FRESH && wait.state !== SHARED) {
    throw new Error(
      `the arm "${key}" of a select is ${describeWait(wait)}, which was used already: make a new one each time`,
    );
  }
  return ownWait(wait);
}

/**
 * Waits for the first of several waits and gives `{ key, value }`: the name of the arm that was taken, and its value.
 * What an arm throws is thrown. The others did not happen. A switch point only when none is ready.
 *
 * Arms are waits (`channel.receive()`, `lock.acquire()`, `sleep(10)`, a task); whole operations go to `race`, which
 * cancels the losers and so may lose what they had got.
 *
 * @example
 * ```ts
 * import { Channel, run, select, sleep, VirtualHost } from "rondo";
 *
 * const news = new Channel<string>(0);
 * const first = await run(() => select({ item: news.receive(), late: sleep(10) }), { host: new VirtualHost() });
 * console.log(first); // prints: { key: 'late', value: undefined }
 * ```
 */
export function select<Arms extends Record<string, Arm>>(arms: Arms): Wait<Selected<Arms>> {
  const list: [string, Wait][] = [];
  for (const key of Object.keys(arms)) {
    const wait = armOf(key, arms[key] as Arm);
    if (list.some(([, other]) => other === wait))
      throw new Error(`the arms of a select share one wait ("${key}"): make a new one for each`);
    list.push([key, wait]);
  }
  if (list.length === 0) throw new Error("select() of no arms would wait for ever");
  return new Wait<Selected<Arms>>(SELECT, null, list);
}
