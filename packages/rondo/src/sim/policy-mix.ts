/**
 * Which policy a seed has. None finds everything: what one of them meets in ten runs another one never does. So the seeds
 * of a campaign take turns.
 */
import { delayBounded } from "./policy-delay.ts";
import { pct } from "./policy-pct.ts";
import { fifo, type Policy, randomWalk } from "./policy.ts";

/**
 * What seeds take turns at where nothing is said: first in, first out with faults, and four ways of being out of order.
 *
 * @example
 * ```ts
 * import { check, fifo, mix } from "rondo/sim";
 *
 * console.log(mix.map((policy) => policy.name).join(" ")); // prints: fifo random pct(2) delay(2) pct(3)
 * const outOfOrder = mix.filter((policy) => policy !== fifo);
 * const report = check({ policy: outOfOrder, runs: 8 }, function* () {})();
 * console.log(report.runs); // prints: 9
 * ```
 */
export const mix: readonly Policy[] = [
  fifo,
  randomWalk,
  pct({ depth: 2 }),
  delayBounded({ delays: 2 }),
  pct({ depth: 3 }),
];

/** The policy of a seed. */
export function policyOf(policies: readonly Policy[], seed: number): Policy {
  return policies[seed % policies.length] ?? fifo;
}

/**
 * First in, first out, where every wait gives way. It leaves nothing to chance, so it is where a campaign begins; and it
 * has as many decisions as a run may have, so it tells the other policies how long runs are.
 */
export const measuring: Policy = { name: "in turns", preempts: true, begin: () => ({ pick: () => 0, cut: () => 1 }) };

/** A policy of this package by its name, for a thread that cannot be given the policy itself. */
export function policyNamed(name: string): Policy | undefined {
  const [, kind, number] = /^(pct|delay)\((\d+)\)$/.exec(name) ?? [];
  if (kind === "pct") return pct({ depth: Number(number) });
  if (kind === "delay") return delayBounded({ delays: Number(number) });
  return [fifo, randomWalk].find((policy) => policy.name === name);
}
