/**
 * What was asked of a shared thing and what it answered, by whom and when: the material of linearizability.ts.
 *
 * A call begins (invoke) and ends in one of three ways. `ok`: it happened, and this is what it gave. `fail`: it did not
 * happen, for certain. `info`: nobody knows; a client that was cut off after it had sent its request may have changed the
 * world, or will yet. Only a call that is surely over orders what comes after it. (Words and rules are those of Jepsen's
 * histories.)
 *
 * The order of events is counted, not read from a clock: many of them share a millisecond of virtual time.
 */
import type { Body } from "../coroutine/body.ts";
import type { Coroutine } from "../coroutine/wait.ts";
import { showValue } from "./values.ts";

/** How a call ended; `open` while it has not. */
export type CallOutcome = "open" | "ok" | "fail" | "info";

/** One call of a history. */
export interface Call<Input = unknown, Output = unknown> {
  /** Its place among the calls of the history, from 0. */
  readonly index: number;
  /** Who called. */
  readonly process: string;
  /** What was called, such as `"write"`. */
  readonly op: string;
  readonly input: Input;
  /** What it gave; only of use where the outcome is `ok`. */
  readonly output: Output | undefined;
  /** What it threw, where it did. */
  readonly error: unknown;
  readonly outcome: CallOutcome;
  /** Its beginning and its end among the events of the history; the end is Infinity where it is not known to have ended. */
  readonly began: number;
  readonly ended: number;
  /** The same by the history's clock, in ms. */
  readonly beganAt: number;
  readonly endedAt: number;
}

/** How a history is kept. */
export interface HistoryOptions {
  /** The clock, in ms. Without one the times are the numbers of the events. */
  readonly now?: (() => number) | undefined;
  /**
   * What a cancelled call is: `"info"`, since what is behind a network may have happened all the same. For the waits of
   * the runtime itself, which promise that what is cancelled did not happen, say `"fail"`: then the check holds them to it.
   */
  readonly cancelled?: "info" | "fail" | undefined;
  /** What a call is that threw: `"info"` unless this says better. `"ok"` makes the error its output. */
  readonly thrown?: ((error: unknown, call: Call) => "ok" | "info" | "fail") | undefined;
}

interface Entry extends Call {
  output: unknown;
  error: unknown;
  outcome: CallOutcome;
  ended: number;
  endedAt: number;
}

/**
 * A history of concurrent calls. `world.history()` gives one that keeps the world's time; make one yourself for a program
 * that runs on a real clock.
 *
 * @example
 * ```ts
 * import { group, run, sleep } from "rondo";
 * import { checkLinearizable, History, register } from "rondo/sim";
 *
 * const history = new History();
 * let stored = 0;
 * await run(() =>
 *   group(function* (g) {
 *     for (const n of [1, 2]) {
 *       g.spawn(() =>
 *         history.call(`writer ${n}`, "write", n, function* () {
 *           yield* sleep(n);
 *           stored = n;
 *         }),
 *       );
 *     }
 *     yield* history.call("reader", "read", undefined, function* () {
 *       return stored;
 *     });
 *   }),
 * );
 * console.log(history.calls.length, checkLinearizable(history, register(0)).answer); // prints: 3 linearizable
 * ```
 */
export class History {
  /** The calls, in the order in which they began. */
  readonly calls: readonly Call[];
  private readonly entries: Entry[];
  private readonly now: (() => number) | null;
  private readonly cancelled: "info" | "fail";
  private readonly thrown: HistoryOptions["thrown"];
  private events: number;

  constructor(options: HistoryOptions = {}) {
    this.entries = [];
    this.calls = this.entries;
    this.now = options.now ?? null;
    this.cancelled = options.cancelled ?? "info";
    this.thrown = options.thrown;
    this.events = 0;
  }

  /**
   * Does `body` and writes down when it began, when it ended, and how: its value is the call's output. What is cancelled or
   * throws is an `info` call (see {@link HistoryOptions}), and so is what never ends, because its computer crashed. Throws
   * what `body` throws. A switch point where `body` is one.
   *
   * Inputs and outputs are kept as they are: give values, not things that change later.
   */
  *call<T>(process: string, op: string, input: unknown, body: Body<T>): Coroutine<T> {
    const call = this.begin(process, op, input);
    try {
      const output = yield* typeof body === "function" ? body() : body;
      this.ok(call, output);
      return output;
    } catch (error) {
      this.threw(call, error);
      throw error;
    } finally {
      if (call.outcome === "open") this[this.cancelled](call);
    }
  }

  /** A call begins; say later how it ended, with {@link ok}, {@link fail}, {@link info} or {@link threw}. */
  begin(process: string, op: string, input?: unknown): Call {
    const at = this.events++;
    const entry: Entry = {
      index: this.entries.length,
      process,
      op,
      input,
      output: undefined,
      error: undefined,
      outcome: "open",
      began: at,
      ended: Infinity,
      beganAt: this.now === null ? at : this.now(),
      endedAt: Infinity,
    };
    this.entries.push(entry);
    return entry;
  }

  /** It happened, and gave this. */
  ok(call: Call, output?: unknown): void {
    const entry = this.end(call, "ok");
    entry.output = output;
  }

  /** It did not happen, for certain. */
  fail(call: Call): void {
    this.end(call, "fail");
  }

  /** Nobody knows whether it happened, or will. */
  info(call: Call): void {
    const entry = this.end(call, "info");
    entry.ended = Infinity;
  }

  /** It threw: `thrown` of the history's options says what that means. */
  threw(call: Call, error: unknown): void {
    const outcome = this.thrown?.(error, call) ?? "info";
    const entry = this.end(call, outcome);
    entry.error = error;
    if (outcome === "ok") entry.output = error;
    else if (outcome === "info") entry.ended = Infinity;
  }

  private end(call: Call, outcome: CallOutcome): Entry {
    const entry = this.entries[call.index];
    if (entry !== call) throw new TypeError("this call is none of this history's: give what its begin() gave");
    if (entry.outcome !== "open") {
      throw new Error(
        `the call ${showCall(call)} has ended already: a call ends once, by ok(), fail(), info() or threw()`,
      );
    }
    entry.outcome = outcome;
    entry.ended = this.events++;
    entry.endedAt = this.now === null ? entry.ended : this.now();
    return entry;
  }

  /** The calls as a table, one a line. */
  toString(): string {
    return showCalls(this.calls);
  }
}

/** One call in words: `a: write 1 -> undefined`. */
export function showCall(call: Call): string {
  const { process, op, input, output, outcome } = call;
  const asked = input === undefined ? op : `${op} ${showValue(input)}`;
  const answered: Record<CallOutcome, string> = {
    open: "not ended",
    info: "unknown",
    fail: "did not happen",
    ok: output === undefined ? "done" : showValue(output),
  };
  return `${process}: ${asked} -> ${answered[outcome]}`;
}

/** From when to when: `2 ms to 5 ms`. */
export function showSpan(call: Call): string {
  return `${call.beganAt} to ${call.endedAt === Infinity ? "?" : call.endedAt} ms`;
}

/** Calls as a table, one a line, with the times first. */
export function showCalls(calls: readonly Call[]): string {
  const width = Math.max(0, ...calls.map((call) => showSpan(call).length));
  return calls.map((call) => `${showSpan(call).padStart(width)}  ${showCall(call)}`).join("\n");
}
