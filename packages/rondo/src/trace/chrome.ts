/**
 * Recorded events as a trace that Chrome's `chrome://tracing`, Perfetto and Speedscope can show: a row a task, and on it
 * when it ran, when it was ready but had to wait for its turn, and what it waited for.
 *
 * The format is the JSON array form of the Trace Event Format of the catapult project.
 */
import type { TraceEvent } from "./recorder.ts";

/** One entry of the format; times are in µs. */
export interface ChromeEvent {
  readonly name: string;
  readonly cat: string;
  /** `X` a stretch of time, `i` a moment, `s` and `f` the ends of an arrow, `M` a name. */
  readonly ph: "X" | "i" | "s" | "f" | "M";
  readonly ts: number;
  readonly pid: number;
  /** The number of the task; 0 for the loop. */
  readonly tid: number;
  readonly dur?: number;
  readonly s?: "t";
  readonly id?: number;
  readonly bp?: "e";
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A whole trace, to be written as JSON. */
export interface ChromeTrace {
  readonly traceEvents: readonly ChromeEvent[];
  readonly displayTimeUnit: "ms";
}

/** What is known of a task while its events are read. */
interface Row {
  stepFrom: number | undefined;
  waitingFor: string | undefined;
  waitFrom: number | undefined;
  readyFrom: number | undefined;
  over: boolean;
}

const PID = 1;

/**
 * Turns recorded events into a trace to be looked at in Perfetto (ui.perfetto.dev) or `chrome://tracing`: write it to a
 * file with `JSON.stringify`. Events whose beginning the ring has forgotten are left out.
 *
 * @example
 * ```ts
 * import { run, sleep, VirtualHost } from "rondo";
 * import { Recorder, toChromeTrace } from "rondo/trace";
 *
 * const recorder = new Recorder();
 * recorder.start();
 * await run(() => sleep(10), { name: "nap", host: new VirtualHost() });
 * recorder.stop();
 * const { traceEvents } = toChromeTrace(recorder.events());
 * const wait = traceEvents.find((event) => event.cat === "wait");
 * console.log(wait?.name, wait?.dur); // prints: sleep 10000
 * ```
 */
export function toChromeTrace(events: readonly TraceEvent[]): ChromeTrace {
  const traceEvents: ChromeEvent[] = [];
  const rows = new Map<number, Row>();
  const named = new Set<number>();
  let arrows = 0;
  const name = (tid: number, text: string): void => {
    if (named.has(tid)) return;
    named.add(tid);
    traceEvents.push({ name: "thread_name", cat: "__metadata", ph: "M", ts: 0, pid: PID, tid, args: { name: text } });
  };
  const stretch = (tid: number, cat: string, text: string, from: number, to: number): void => {
    traceEvents.push({ name: text, cat, ph: "X", ts: from * 1000, dur: (to - from) * 1000, pid: PID, tid });
  };
  const moment = (tid: number, cat: string, text: string, at: number, args?: Record<string, unknown>): void => {
    traceEvents.push({
      name: text,
      cat,
      ph: "i",
      s: "t",
      ts: at * 1000,
      pid: PID,
      tid,
      ...(args === undefined ? {} : { args }),
    });
  };
  const arrow = (from: number, to: number, at: number, cat: string): void => {
    const id = ++arrows;
    traceEvents.push({ name: cat, cat, ph: "s", id, ts: at * 1000, pid: PID, tid: from });
    traceEvents.push({ name: cat, cat, ph: "f", bp: "e", id, ts: at * 1000, pid: PID, tid: to });
  };
  const rowOf = (id: number): Row => {
    let row = rows.get(id);
    if (row === undefined) {
      row = { stepFrom: undefined, waitingFor: undefined, waitFrom: undefined, readyFrom: undefined, over: false };
      rows.set(id, row);
    }
    return row;
  };
  name(0, "loop");
  for (const event of events) {
    const { at, what, task, by, detail } = event;
    switch (what) {
      case "spawn":
        name(task, event.name);
        moment(task, "task", "spawn", at);
        if (by !== 0) arrow(by, task, at, "spawn");
        break;
      case "ready": {
        name(task, event.name);
        const row = rowOf(task);
        if (row.waitFrom !== undefined) stretch(task, "wait", row.waitingFor as string, row.waitFrom, at);
        row.waitFrom = undefined;
        row.waitingFor = undefined;
        row.readyFrom = at;
        if (by !== 0 && by !== task) arrow(by, task, at, "wake");
        break;
      }
      case "stepBegin": {
        name(task, event.name);
        const row = rowOf(task);
        if (row.readyFrom !== undefined) stretch(task, "ready", "ready", row.readyFrom, at);
        row.readyFrom = undefined;
        row.stepFrom = at;
        break;
      }
      case "stepEnd": {
        const row = rowOf(task);
        if (row.stepFrom !== undefined) stretch(task, "step", event.name, row.stepFrom, at);
        row.stepFrom = undefined;
        // Made ready within its own step: it waits for its turn from here.
        if (row.readyFrom !== undefined) row.readyFrom = at;
        if (row.waitingFor !== undefined) row.waitFrom = at;
        if (row.over) rows.delete(task);
        break;
      }
      case "waiting":
        rowOf(task).waitingFor = detail;
        break;
      case "exit":
        moment(task, "task", detail, at);
        rowOf(task).over = true;
        break;
      case "cancelRequested":
        moment(
          task === 0 ? by : task,
          "cancel",
          `cancel ${event.name}`,
          at,
          detail === "" ? undefined : { reason: detail },
        );
        break;
      case "cancelDelivered":
        moment(task, "cancel", "unwinding", at);
        break;
      case "created":
      case "acquired":
      case "released":
        moment(task, "resource", `${what} ${event.name}`, at);
        break;
      case "timerSet":
      case "timerFired":
      case "pollBegin":
      case "pollEnd":
        moment(task, "loop", what, at);
        break;
    }
  }
  return { traceEvents, displayTimeUnit: "ms" };
}
