/**
 * Could these answers have come from a thing that does one operation at a time?
 *
 * A history is linearizable when its calls can be put into an order in which a model gives the very same answers, and in
 * which no call stands before one that had ended when it began. (Herlihy and Wing, 1990.) The search is that of Wing and
 * Gong (1993): take any call that nothing else must precede, and go on; where nothing fits, go back. What makes it bearable
 * is Lowe's memory (2017): the same calls done in another order, leaving the same state, need not be looked at again; and
 * the partitioning of P-compositionality (Horn and Kroening 2015), as in porcupine: keys are checked one by one.
 *
 * Calls of unknown outcome are the costly ones: each may have happened at any time after it began, or never. Three rules keep
 * them few, and none of them loses an answer: one that would change nothing is not tried; of several that ask the same, the
 * earliest is tried; and what is known to have ended is tried first.
 */
import { type Call, type History, showCall, showCalls, showSpan } from "./history.ts";
import { type Asked, keyOfState, type Model } from "./models.ts";
import { keyOfValue, showValue } from "./values.ts";

/** What a check says. */
export interface Verdict {
  /** `"unknown"` where the budget was spent before an order was found, or all were ruled out. */
  readonly answer: "linearizable" | "not linearizable" | "unknown";
  /** Steps of the model that it took. */
  readonly steps: number;
  /** How many parts were checked apart from each other; see {@link Model.partition}. */
  readonly parts: number;
  /** Where it goes wrong, if it does. */
  readonly failure: Nonlinearizable | undefined;
  /** The answer for a person: several lines where there is a failure. */
  toString(): string;
}

/** The first place where a history fits no order any more. */
export interface Nonlinearizable {
  /** The part it is in, where the model partitions. */
  readonly key: string | number | undefined;
  /** With the end of this call no order is left; all that ended before it still fit one. */
  readonly culprit: Call;
  /** The longest prefix of the history that fits, in an order that it fits. */
  readonly prefix: readonly Call[];
  /** What that prefix leaves, by the model. */
  readonly state: unknown;
  /** The other calls that were under way when the culprit was, and may have happened before or after it. */
  readonly concurrent: readonly Call[];
}

/** How a history is checked. */
export interface CheckOptions {
  /** How many steps of the model it may take before the answer is `"unknown"` (500,000 unless told). */
  readonly maxSteps?: number | undefined;
}

/**
 * A history that is not linearizable, or of which it could not be decided.
 *
 * @example
 * ```ts
 * import { assertLinearizable, History, LinearizabilityError, register } from "rondo/sim";
 *
 * const history = new History();
 * history.ok(history.begin("a", "read"), 7);
 * try {
 *   assertLinearizable(history, register(0));
 * } catch (error) {
 *   if (error instanceof LinearizabilityError) console.log(error.verdict.failure?.culprit.output); // prints: 7
 * }
 * ```
 */
export class LinearizabilityError extends Error {
  override readonly name: string = "LinearizabilityError";
  readonly verdict: Verdict;

  constructor(verdict: Verdict) {
    super(verdict.toString());
    this.verdict = verdict;
  }
}

/**
 * Checks a history against a model. Nothing waits: it is computed at once, in at most `maxSteps` steps.
 *
 * @example
 * ```ts
 * import { checkLinearizable, History, register } from "rondo/sim";
 *
 * const history = new History();
 * history.ok(history.begin("a", "write", 1));
 * history.ok(history.begin("b", "read"), 0);
 * console.log(String(checkLinearizable(history, register(0))));
 * // prints: The history is not linearizable as a register.
 * // prints: Up to event 2 this order of its calls is good:
 * // prints:   0 to 1 ms  a: write 1 -> done
 * // prints: It leaves 1, and then this one ends, which fits nowhere (read gives 1):
 * // prints:   2 to 3 ms  b: read -> 0
 * ```
 */
export function checkLinearizable(
  history: History | readonly Call[],
  model: Model,
  options: CheckOptions = {},
): Verdict {
  const { maxSteps = 500_000 } = options;
  const calls = Array.isArray(history) ? (history as readonly Call[]) : (history as History).calls;
  const parts = partition(calls, model);
  let steps = 0;
  let undecided = false;
  for (const [key, part] of parts) {
    const search = new Search(part, model, maxSteps - steps, Infinity);
    const answer = search.run();
    steps += search.steps;
    if (answer === "unknown") {
      undecided = true;
      if (steps >= maxSteps) break;
    } else if (answer === "no") {
      const failure = locate(key, part, model, maxSteps);
      return verdict("not linearizable", steps, parts.size, model, failure);
    }
  }
  return verdict(undecided ? "unknown" : "linearizable", steps, parts.size, model, undefined);
}

/**
 * Throws a {@link LinearizabilityError} unless the history is linearizable; for tests.
 *
 * @example
 * ```ts
 * import { assertLinearizable, History, register } from "rondo/sim";
 *
 * const history = new History();
 * history.ok(history.begin("a", "write", 1));
 * history.ok(history.begin("b", "read"), 1);
 * assertLinearizable(history, register(0));
 * console.log(history.calls.length); // prints: 2
 * ```
 */
export function assertLinearizable(history: History | readonly Call[], model: Model, options?: CheckOptions): void {
  const verdict = checkLinearizable(history, model, options);
  if (verdict.answer !== "linearizable") throw new LinearizabilityError(verdict);
}

function partition(calls: readonly Call[], model: Model): Map<string | number | undefined, Call[]> {
  const parts = new Map<string | number | undefined, Call[]>();
  for (const call of calls) {
    if (call.outcome === "fail") continue; // it did not happen
    const key = model.partition?.(call.op, call.input);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [call]);
    else part.push(call);
  }
  return parts;
}

/** The first end of a call at which no order is left. What ends later counts as unknown: it may not have happened yet. */
function locate(
  key: string | number | undefined,
  calls: readonly Call[],
  model: Model,
  maxSteps: number,
): Nonlinearizable {
  const ended = calls.filter((call) => call.outcome === "ok").toSorted((a, b) => a.ended - b.ended);
  const upTo = (n: number): Search => {
    const search = new Search(calls, model, maxSteps, ended[n]?.ended ?? Infinity);
    search.run();
    return search;
  };
  // A prefix of a linearizable history is linearizable: so there is one place where it turns, and it can be halved for.
  let [good, bad] = [-1, ended.length - 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (upTo(middle).answer === "yes") good = middle;
    else bad = middle; // or undecided: then what is shown is a later place than it might be
  }
  const culprit = ended[bad] as Call;
  const before = new Search(calls, model, maxSteps, culprit.ended - 1);
  before.run();
  return {
    key,
    culprit,
    prefix: before.order,
    state: before.state,
    concurrent: calls.filter((call) => call !== culprit && call.began < culprit.ended && call.ended > culprit.began),
  };
}

function verdict(
  answer: Verdict["answer"],
  steps: number,
  parts: number,
  model: Model,
  failure: Nonlinearizable | undefined,
): Verdict {
  return { answer, steps, parts, failure, toString: () => explain(answer, steps, model, failure) };
}

function explain(answer: Verdict["answer"], steps: number, model: Model, failure: Nonlinearizable | undefined): string {
  if (answer === "unknown") {
    return (
      `It could not be decided in ${steps} steps whether the history is linearizable as a ${model.name}: let fewer calls ` +
      "run at the same time or end unknown, give the model a partition, or raise maxSteps."
    );
  }
  if (failure === undefined) return `The history is linearizable as a ${model.name}.`;
  const { key, culprit, prefix, state, concurrent } = failure;
  const indent = (text: string): string => text.replaceAll(/^/gm, "  ");
  const lines = [
    `The history is not linearizable as a ${model.name}${key === undefined ? "" : `, for the key ${showValue(key)}`}.`,
  ];
  if (prefix.length > 0) {
    lines.push(`Up to event ${culprit.ended - 1} this order of its calls is good:`, indent(showCalls(prefix)));
  }
  const expected = model.expects?.(state, asked(culprit, true));
  lines.push(
    `${prefix.length > 0 ? "It leaves" : "At first there is"} ${showValue(state)}, and then this one ends, which fits nowhere` +
      `${expected === undefined ? "" : ` (${expected})`}:`,
    `  ${showSpan(culprit)}  ${showCall(culprit)}`,
  );
  if (concurrent.length > 0) {
    lines.push("These were under way at the same time, and fit in no order with it:", indent(showCalls(concurrent)));
  }
  return lines.join("\n");
}

function asked(call: Call, known: boolean): Asked {
  return { op: call.op, input: call.input, output: call.output, known };
}

/** A call as the search sees it. */
interface Item {
  readonly call: Call;
  readonly asked: Asked;
  /** Its place among the known ones, for the set of what is done; -1 for an unknown one. */
  readonly number: number;
}

/** The events of known calls, in order, as a list from which a call is lifted when it is done. */
interface Link {
  readonly item: Item | null;
  /** Of a beginning: the end of the same call. Null for an end, and for both ends of the list. */
  readonly end: Link | null;
  readonly event: number;
  before: Link | null;
  after: Link | null;
}

/** Unknown calls that ask the same: the one that began first may do whatever the others may. */
interface Group {
  readonly items: Item[];
  used: number;
}

/** One level of the search: a state, and how far its candidates have been tried. */
interface Level {
  readonly state: unknown;
  /** The next event of the list to look at. */
  at: Link;
  /** The next group of unknown calls to look at, once the known ones have been. */
  group: number;
  /** What is done on this level now, and the states that it may leave. */
  picked: Link | Group | null;
  item: Item | null;
  options: readonly unknown[];
  option: number;
}

class Search {
  answer: "yes" | "no" | "unknown";
  steps: number;
  /** The order that was found, or that was being tried when the budget was spent. */
  order: Call[];
  /** What that order leaves. */
  state: unknown;
  private readonly model: Model;
  private readonly budget: number;
  private readonly first: Link;
  private readonly groups: Group[];
  private readonly done: Uint32Array;
  private open: number;
  private readonly seen: Set<string>;
  private readonly levels: Level[];

  /** Searches for an order of what `calls` were up to the event `until`. */
  constructor(calls: readonly Call[], model: Model, budget: number, until: number) {
    this.model = model;
    this.budget = budget;
    this.answer = "unknown";
    this.steps = 0;
    this.order = [];
    this.state = undefined;
    this.seen = new Set();
    this.levels = [];
    const links: Link[] = [];
    const groups = new Map<string, Group>();
    let known = 0;
    for (const call of calls.toSorted((a, b) => a.began - b.began)) {
      if (call.began > until) continue;
      const isKnown = call.outcome === "ok" && call.ended <= until;
      const item: Item = { call, asked: asked(call, isKnown), number: isKnown ? known++ : -1 };
      if (isKnown) {
        const end: Link = { item: null, end: null, event: call.ended, before: null, after: null };
        links.push({ item, end, event: call.began, before: null, after: null }, end);
      } else {
        const same = `${call.op} ${keyOfValue(call.input)}`;
        const group = groups.get(same);
        if (group === undefined) groups.set(same, { items: [item], used: 0 });
        else group.items.push(item);
      }
    }
    links.sort((a, b) => a.event - b.event);
    this.first = { item: null, end: null, event: -1, before: null, after: null };
    const last: Link = { item: null, end: null, event: Infinity, before: null, after: null };
    let at = this.first;
    for (const link of [...links, last]) {
      at.after = link;
      link.before = at;
      at = link;
    }
    this.groups = [...groups.values()];
    this.done = new Uint32Array((known + 31) >> 5);
    this.open = known;
  }

  run(): "yes" | "no" | "unknown" {
    const { levels } = this;
    this.push(this.model.initial());
    for (;;) {
      const level = levels.at(-1);
      if (level === undefined) return (this.answer = "no");
      if (this.open === 0 && level.picked === null) break;
      if (level.option < level.options.length) {
        const state = level.options[level.option++];
        const key = this.keyOf(state);
        if (this.seen.has(key)) continue;
        this.seen.add(key);
        this.push(state);
        continue;
      }
      this.takeBack(level);
      if (this.steps >= this.budget) break;
      if (!this.pick(level)) levels.pop();
    }
    this.order = levels.flatMap(({ item }) => (item === null ? [] : [item.call]));
    this.state = levels.at(-1)?.state;
    return (this.answer = this.open === 0 ? "yes" : "unknown");
  }

  private push(state: unknown): void {
    const at = this.first.after as Link;
    this.levels.push({ state, at, group: 0, picked: null, item: null, options: [], option: 0 });
  }

  /** Does the next candidate of a level; false where there is none. */
  private pick(level: Level): boolean {
    // Whatever begins before the first end may be next: nothing that is not done yet had ended when it began.
    while (level.at.item !== null) {
      const link = level.at;
      level.at = link.after as Link;
      const options = this.ask(level.state, link.item as Item);
      if (options.length === 0) continue;
      this.take(level, link, link.item as Item, options);
      return true;
    }
    while (level.group < this.groups.length) {
      const group = this.groups[level.group++] as Group;
      const item = group.items[group.used];
      if (item === undefined || item.call.began > level.at.event) continue;
      const same = keyOfState(this.model, level.state);
      const options = this.ask(level.state, item).filter((state) => keyOfState(this.model, state) !== same);
      if (options.length === 0) continue;
      this.take(level, group, item, options);
      return true;
    }
    return false;
  }

  private ask(state: unknown, item: Item): readonly unknown[] {
    this.steps++;
    return this.model.step(state, item.asked);
  }

  private take(level: Level, picked: Link | Group, item: Item, options: readonly unknown[]): void {
    level.picked = picked;
    level.item = item;
    level.options = options;
    level.option = 0;
    if (item.number < 0) {
      (picked as Group).used++;
      return;
    }
    const link = picked as Link;
    lift(link);
    lift(link.end as Link);
    this.flip(item.number);
    this.open--;
  }

  /** Undoes what is done on a level, in the reverse order: so each link finds its neighbours as it left them. */
  private takeBack(level: Level): void {
    const { picked, item } = level;
    if (picked === null) return;
    level.picked = null;
    level.item = null;
    if ((item as Item).number < 0) {
      (picked as Group).used--;
      return;
    }
    const link = picked as Link;
    putBack(link.end as Link);
    putBack(link);
    this.flip((item as Item).number);
    this.open++;
  }

  private flip(number: number): void {
    const word = number >> 5;
    this.done[word] = ((this.done[word] as number) ^ (1 << (number & 31))) >>> 0;
  }

  /** What is done, and what it left: whoever comes here a second time will get no further than the first time. */
  private keyOf(state: unknown): string {
    const { done } = this;
    // All but a few words are full or empty: calls are done more or less in the order in which they began.
    let from = 0;
    while (done[from] === 0xffff_ffff) from++;
    let to = done.length;
    while (to > from && done[to - 1] === 0) to--;
    let text = `${from}`;
    for (let i = from; i < to; i++) text += `,${(done[i] as number).toString(36)}`;
    for (const { used } of this.groups) text += `;${used}`;
    return `${text} ${keyOfState(this.model, state)}`;
  }
}

function lift(link: Link): void {
  (link.before as Link).after = link.after;
  (link.after as Link).before = link.before;
}

function putBack(link: Link): void {
  (link.before as Link).after = link;
  (link.after as Link).before = link;
}
