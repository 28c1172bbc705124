/**
 * Making a failure small: the one shrinker for schedule, faults and data.
 *
 * All three are streams of numbers in which 0 is the tamest, so one thing that makes numbers fewer and smaller serves them
 * all, and what is left is what the failure needs: two steps out of order, one link cut, three items put in. It knows
 * nothing of what the numbers mean. Whether a smaller recording still fails is asked by replaying it, and the answer is
 * the recording as it was really drawn then: what was not read any more is gone, what was too large by now is smaller.
 *
 * Big steps come first (a whole stream, half of what is there), then ever smaller ones, and it goes round until a whole
 * round of steps finds nothing: a local minimum, where no single step of these makes it smaller. The order by which it is
 * smaller: fewer numbers that are not 0, then a smaller sum, then shorter. (The steps are those of Hypothesis, MacIver and
 * Donaldson 2020, "Test-case reduction via test-case generation"; the halving is Zeller's ddmin.)
 */
import { hashText, type Recording } from "./choices.ts";

/**
 * Replays a recording: gives what was drawn if it fails as before, or null if it does not. Giving the candidate itself
 * is right too, and then nothing that is unread goes away by itself.
 */
export type Attempt = (candidate: Recording) => Recording | null;

/** How far a shrinker may go. */
export interface ShrinkOptions {
  /** How many replays at most; 2,000 by default. */
  readonly runs?: number | undefined;
  /** How many ms of `now` at most; no limit by default. */
  readonly ms?: number | undefined;
  /** The clock of `ms`; by default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** What came of it. */
export interface Shrunk {
  readonly recording: Recording;
  /** How many replays it took. */
  readonly runs: number;
  /** Why it stopped: `minimum` where no step makes it smaller; `runs` or `ms` where that budget was spent. */
  readonly stopped: "minimum" | "runs" | "ms";
}

/**
 * The smallest recording that still fails, as far as the budget goes. Not a switch point.
 *
 * @example
 * ```ts
 * import { shrink } from "rondo/sim";
 *
 * // It fails where anything above 4 was drawn from "data".
 * const { recording, stopped } = shrink(new Map([["data", [3, 9, 7]], ["schedule", [0, 1]]]), (candidate) =>
 *   (candidate.get("data") ?? []).some((value) => value > 4) ? candidate : null,
 * );
 * console.log(recording, stopped); // prints: Map(1) { 'data' => [ 5 ] } minimum
 * ```
 */
export function shrink(recording: Recording, attempt: Attempt, options: ShrinkOptions = {}): Shrunk {
  const shrinker = new Shrinker(recording, attempt, options);
  try {
    shrinker.run();
    return shrinker.result("minimum");
  } catch (error) {
    if (error instanceof Spent) return shrinker.result(error.what);
    throw error;
  }
}

/** A budget is spent: out of all the steps at once. */
class Spent {
  readonly what: "runs" | "ms";
  constructor(what: "runs" | "ms") {
    this.what = what;
  }
}

const RUNS = 2000;

/** Where a number stands. */
interface Place {
  readonly stream: string;
  readonly index: number;
}

class Shrinker {
  private best: Recording;
  private readonly attempt: Attempt;
  private readonly most: number;
  private readonly until: number;
  private readonly now: () => number;
  private runs: number;
  /** What was tried already, by its hash: many steps lead to the same recording. */
  private readonly tried: Set<string>;

  constructor(recording: Recording, attempt: Attempt, options: ShrinkOptions) {
    this.best = trimmed(recording);
    this.attempt = attempt;
    this.most = options.runs ?? RUNS;
    this.now = options.now ?? (() => performance.now());
    this.until = this.now() + (options.ms ?? Infinity);
    this.runs = 0;
    this.tried = new Set([fingerprint(this.best)]);
  }

  result(stopped: Shrunk["stopped"]): Shrunk {
    return { recording: this.best, runs: this.runs, stopped };
  }

  run(): void {
    for (;;) {
      const before = this.best;
      this.dropStreams();
      this.zeroSpans();
      this.deleteSpans();
      this.closeGaps();
      this.lower();
      // These look at pairs, so they have the word only where nothing else has.
      if (this.best === before) this.lowerTogether();
      if (this.best === before) this.lowerAndDelete();
      if (this.best === before) return;
    }
  }

  /** Tries a candidate: true where it still fails and is smaller, and so is the best now. */
  private try(candidate: Recording): boolean {
    const smaller = trimmed(candidate);
    if (compare(smaller, this.best) >= 0) return false;
    const print = fingerprint(smaller);
    if (this.tried.has(print)) return false;
    this.tried.add(print);
    if (this.runs >= this.most) throw new Spent("runs");
    if (this.now() > this.until) throw new Spent("ms");
    this.runs++;
    const drawn = this.attempt(smaller);
    if (drawn === null) return false;
    const really = trimmed(drawn);
    // What was drawn can be larger only where the run does not follow its recording; the candidate is right even then.
    this.best = compare(really, smaller) <= 0 ? really : smaller;
    return true;
  }

  /** Tries the best with one stream changed. */
  private tryStream(name: string, values: readonly number[]): boolean {
    return this.try(new Map(this.best).set(name, values));
  }

  private valuesOf(name: string): readonly number[] {
    return this.best.get(name) ?? [];
  }

  /** Everything at once, then each purpose by itself: mostly the failure needs one of them. */
  private dropStreams(): void {
    if (this.try(new Map())) return;
    for (const name of this.best.keys()) {
      const rest = new Map(this.best);
      rest.delete(name);
      this.try(rest);
    }
  }

  /** Numbers to 0, over all streams at once: half of them, then a quarter, down to one by one. */
  private zeroSpans(): void {
    let places = this.nonZero();
    for (let size = places.length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < places.length;) {
        if (this.try(this.with(places.slice(from, from + size), () => 0))) {
          // What stands before has been tried at this size; what is gone may be more than was asked for.
          places = this.nonZero();
        } else from += size;
      }
    }
  }

  /** Numbers out, so that what is behind them moves up: from the end, where less depends on them. */
  private deleteSpans(): void {
    for (const name of this.best.keys()) {
      let size = this.valuesOf(name).length;
      for (; size >= 1; size = Math.floor(size / 2)) {
        for (let end = this.valuesOf(name).length; end > 0; end -= size) {
          const values = this.valuesOf(name);
          const from = Math.max(0, end - size);
          if (from >= values.length) continue;
          // Spans of nothing but zeros are closed much faster by `closeGaps`.
          if (size < values.length && values.slice(from, end).every((value) => value === 0)) continue;
          this.tryStream(name, [...values.slice(0, from), ...values.slice(end)]);
        }
      }
    }
  }

  /** The zeros before a number: all of them, half of them, down to one, so that it comes as early as it can. */
  private closeGaps(): void {
    for (const name of this.best.keys()) {
      for (let nth = 0; ; nth++) {
        const first = this.valuesOf(name);
        const at = placeOfNth(first, nth);
        if (at < 0) break;
        let size = gapBefore(first, at);
        while (size >= 1) {
          const values = this.valuesOf(name);
          const end = placeOfNth(values, nth);
          const gap = end < 0 ? 0 : gapBefore(values, end);
          if (gap === 0) break;
          size = Math.min(size, gap);
          if (!this.tryStream(name, [...values.slice(0, end - size), ...values.slice(end)]))
            size = Math.floor(size / 2);
        }
      }
    }
  }

  /** Each number as low as it goes. */
  private lower(): void {
    for (const { stream, index } of this.nonZero()) {
      this.descend(
        () => this.valuesOf(stream)[index] ?? 0,
        (value) => this.with([{ stream, index }], () => value),
      );
    }
  }

  /**
   * Numbers that must go down together: equal ones to the same number, others by as much. (Two items that have to be the
   * same; a sum.)
   */
  private lowerTogether(): void {
    const places = this.nonZero();
    const groups = new Map<number, Place[]>();
    for (const place of places) {
      const value = this.at(place);
      const group = groups.get(value);
      if (group === undefined) groups.set(value, [place]);
      else group.push(place);
    }
    for (const group of groups.values()) {
      if (group.length < 2) continue;
      const first = group[0] as Place;
      this.descend(
        () => this.at(first),
        (value) => this.with(group, () => value),
      );
    }
    for (let i = 0; i < places.length; i++) {
      for (let j = i + 1; j < places.length; j++) {
        const one = places[i] as Place;
        const other = places[j] as Place;
        this.descend(
          () => Math.min(this.at(one), this.at(other)),
          (value) => {
            const less = Math.min(this.at(one), this.at(other)) - value;
            return this.with([one, other], (now) => now - less);
          },
        );
      }
    }
  }

  /** A number by one, and one item behind it out: how many there are, and then the items. */
  private lowerAndDelete(): void {
    for (const { stream, index } of this.nonZero()) {
      for (let at = this.valuesOf(stream).length - 1; at > index; at--) {
        const values = this.valuesOf(stream);
        const value = values[index] ?? 0;
        if (value === 0 || at >= values.length) continue;
        // Which of several zeros in a row is taken out makes no difference.
        if (values[at] === 0 && values[at - 1] === 0 && at - 1 > index) continue;
        this.tryStream(stream, [
          ...values.slice(0, index),
          value - 1,
          ...values.slice(index + 1, at),
          ...values.slice(at + 1),
        ]);
      }
    }
  }

  /** Finds how low something can go: 0 first, then halfway, then closer to where it is. */
  private descend(now: () => number, lowered: (value: number) => Recording): void {
    let floor = 0;
    for (let high = now(); floor < high; high = Math.min(high, now())) {
      // Halfway between what it cannot be and what it is; at first what it cannot be is below 0.
      const middle = floor === 0 ? 0 : Math.floor((floor + high) / 2);
      if (middle >= high) return;
      const before = this.best;
      this.try(lowered(middle));
      if (this.best === before) floor = middle + 1;
      else if (middle === 0) return;
    }
  }

  private at({ stream, index }: Place): number {
    return this.best.get(stream)?.[index] ?? 0;
  }

  private nonZero(): Place[] {
    const places: Place[] = [];
    for (const [stream, values] of this.best) {
      for (let index = 0; index < values.length; index++) if (values[index] !== 0) places.push({ stream, index });
    }
    return places;
  }

  private with(places: readonly Place[], change: (value: number) => number): Recording {
    const changed = new Map(this.best);
    const own = new Map<string, number[]>();
    for (const { stream, index } of places) {
      let values = own.get(stream);
      if (values === undefined) {
        values = [...this.valuesOf(stream)];
        own.set(stream, values);
        changed.set(stream, values);
      }
      if (index < values.length) values[index] = change(values[index] as number);
    }
    return changed;
  }
}

function placeOfNth(values: readonly number[], nth: number): number {
  let left = nth;
  for (let index = 0; index < values.length; index++) if (values[index] !== 0 && left-- === 0) return index;
  return -1;
}

function gapBefore(values: readonly number[], index: number): number {
  let gap = 0;
  while (gap < index && values[index - gap - 1] === 0) gap++;
  return gap;
}

function trimmed(recording: Recording): Recording {
  const short = new Map<string, readonly number[]>();
  for (const [name, values] of recording) {
    let { length } = values;
    while (length > 0 && values[length - 1] === 0) length--;
    if (length > 0) short.set(name, length === values.length ? values : values.slice(0, length));
  }
  return short;
}

/** Below 0 where `a` is the smaller one. */
function compare(a: Recording, b: Recording): number {
  const one = measure(a);
  const other = measure(b);
  return one.nonZero - other.nonZero || one.sum - other.sum || one.length - other.length;
}

function measure(recording: Recording): { nonZero: number; sum: number; length: number } {
  let nonZero = 0;
  let sum = 0;
  let length = 0;
  for (const values of recording.values()) {
    length += values.length;
    for (const value of values) {
      if (value === 0) continue;
      nonZero++;
      sum += value;
    }
  }
  return { nonZero, sum, length };
}

/** 64 bits: that two recordings share one within a few thousand is as good as impossible. */
function fingerprint(recording: Recording): string {
  let one = 0;
  let other = 0;
  for (const [name, values] of recording) {
    // Summed up, as the order of the streams says nothing; so each is stirred well first.
    let a = hashText(name);
    let b = hashText(name, 0x9e3779b9);
    for (const value of values) {
      a = Math.imul(a ^ value, 0x01000193);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ value ^ Math.floor(value / 4294967296), 0x5bd1e995);
    }
    one = (one + stirred(a ^ (b >>> 7))) | 0;
    other = (other + stirred(b ^ values.length)) | 0;
  }
  return `${one}.${other}`;
}

/** Every bit of it goes into every other one (the end of MurmurHash3, Austin Appleby, public domain). */
function stirred(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
