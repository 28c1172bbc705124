/**
 * The world as Node gives it: one host timer for all of Rondo's, one `setImmediate` when the budget is spent, one
 * listener for Ctrl-C and one for the end of the process.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Host, Report } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";

/** Node's timers overflow at 2^31 ms and then fire at once: longer waits are taken in stages of a day. */
const LONGEST = 24 * 60 * 60 * 1000;

/** What is asked of a host that hears signals: by `run` (see task/run.ts), and by `signals()` (see os/signals.ts). */
export interface Interrupts {
  /** Calls back for each of these signals, if nobody else listens for it; gives the function that stops listening. */
  listen(signals: readonly string[], onSignal: (signal: string) => void): () => void;
  /**
   * As `listen`, but in any case, and instead of everybody who listened or claimed before: the last claim that has not been
   * given back gets the signal, and it alone. (Listeners that the program has on `process` itself are none of our business.)
   */
  claim(signals: readonly string[], onSignal: (signal: string) => void): () => void;
  /** Passes on a signal that came to a claim and was not looked at, when that has been given back. */
  raise(signal: string): void;
}

class NodeHost implements Host {
  readonly shuffles = false;
  readonly neutral: <T>(work: () => T) => T;
  private timer: NodeJS.Timeout | null = null;
  private armedAt = Infinity;
  private soon: NodeJS.Immediate | null = null;
  private loop: Loop | null = null;
  private readonly fire = (): void => {
    this.timer = null;
    this.armedAt = Infinity;
    this.loop?.drain();
  };
  private readonly again = (): void => {
    this.soon = null;
    this.loop?.drain();
  };
  private readonly kicked = (): void => {
    this.loop?.drain();
  };

  constructor() {
    this.neutral = AsyncLocalStorage.snapshot() as <T>(work: () => T) => T;
  }

  capture(): <T>(work: () => T) => T {
    return AsyncLocalStorage.snapshot() as <T>(work: () => T) => T;
  }

  now(): number {
    return performance.now();
  }

  wallClock(): number {
    return Date.now();
  }

  kick(loop: Loop): void {
    this.loop = loop;
    queueMicrotask(this.kicked);
  }

  wakeSoon(loop: Loop): void {
    this.loop = loop;
    this.soon ??= setImmediate(this.again);
  }

  wakeAt(loop: Loop, at: number): boolean {
    this.loop = loop;
    // An earlier timer is left to fire for nothing: arming one costs more than that.
    if (this.timer !== null && at !== Infinity && this.armedAt <= at) return false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.armedAt = at;
    if (at === Infinity) return false;
    const ms = Math.min(LONGEST, Math.max(0, Math.ceil(at - performance.now())));
    this.timer = setTimeout(this.fire, ms);
    return false;
  }

  choose(_stream: string, n: number): number {
    return Math.floor(Math.random() * n);
  }

  another(): Host {
    return new NodeHost();
  }

  report(report: Report): void {
    const error = report.error === undefined ? [] : [report.error];
    console.error(`rondo: ${report.message}`, ...error);
  }

  attach(loop: Loop): () => void {
    this.loop = loop;
    running.add(loop);
    if (running.size === 1) {
      process.on("beforeExit", onBeforeExit);
      process.on("exit", onExit);
    }
    return () => {
      if (this.timer !== null) clearTimeout(this.timer);
      this.timer = null;
      this.armedAt = Infinity;
      running.delete(loop);
      if (running.size === 0) {
        process.off("beforeExit", onBeforeExit);
        process.off("exit", onExit);
      }
    };
  }

  service(name: string): unknown {
    return name === "interrupts" ? interrupts : undefined;
  }
}

/** A host for one loop. */
export function defaultHost(): Host {
  return new NodeHost();
}

const running = new Set<Loop>();

/** Nothing keeps the process alive, and there are tasks: whatever they wait for cannot come any more. */
function onBeforeExit(): void {
  for (const loop of running) {
    loop.onDeadlock?.();
    loop.drain();
  }
}

function onExit(): void {
  for (const loop of running) {
    const text = loop.describe?.() ?? "";
    if (text !== "") process.stderr.write(`rondo: the process ends with tasks unfinished\n${text}\n`);
  }
}

// ---- signals --------------------------------------------------------------------------------------------------------

/** Who listens for a signal, and the one listener that the process has for it. */
interface Listening {
  readonly handlers: Set<(signal: string) => void>;
  /** The last one gets it. */
  claims: ((signal: string) => void)[];
  /** Those of `run` have been told once. */
  told: boolean;
  readonly onSignal: () => void;
}

const listening = new Map<string, Listening>();

const interrupts: Interrupts = {
  listen(signals, onSignal) {
    const joined: string[] = [];
    for (const signal of signals) {
      const known = listening.get(signal);
      // The program has a listener of its own: the signal is its business.
      const foreign = process.listenerCount(signal) - (known === undefined ? 0 : 1);
      if (foreign > 0 && (known === undefined || known.handlers.size === 0)) continue;
      (known ?? open(signal)).handlers.add(onSignal);
      joined.push(signal);
    }
    return () => {
      for (const signal of joined) {
        const entry = listening.get(signal);
        if (entry === undefined) continue;
        entry.handlers.delete(onSignal);
        if (entry.handlers.size === 0) entry.told = false;
        shut(signal, entry);
      }
    };
  },

  claim(signals, onSignal) {
    // A function of its own, since the same one may claim twice.
    const claim = (signal: string): void => onSignal(signal);
    const release = (): void => {
      for (const signal of signals) {
        const entry = listening.get(signal);
        if (entry === undefined) continue;
        entry.claims = entry.claims.filter((one) => one !== claim);
        shut(signal, entry);
      }
    };
    try {
      for (const signal of signals) (listening.get(signal) ?? open(signal)).claims.push(claim);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  },

  raise(signal) {
    const entry = listening.get(signal);
    if (entry !== undefined) entry.onSignal();
    // Listeners of the program's own have heard of it when it came. Where there are none it does what it does by itself.
    else if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  },
};

function open(signal: string): Listening {
  const entry: Listening = {
    handlers: new Set(),
    claims: [],
    told: false,
    onSignal: (): void => {
      const claim = entry.claims.at(-1);
      if (claim !== undefined) {
        claim(signal);
        return;
      }
      if (entry.told) {
        // The second time the process ends as if nobody listened.
        process.off(signal, entry.onSignal);
        listening.delete(signal);
        process.kill(process.pid, signal);
        return;
      }
      entry.told = true;
      for (const handler of [...entry.handlers]) handler(signal);
    },
  };
  process.on(signal, entry.onSignal);
  listening.set(signal, entry);
  return entry;
}

/** Nobody is left who wants to hear of it. */
function shut(signal: string, entry: Listening): void {
  if (entry.handlers.size > 0 || entry.claims.length > 0) return;
  listening.delete(signal);
  process.off(signal, entry.onSignal);
}
