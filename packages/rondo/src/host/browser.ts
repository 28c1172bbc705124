/**
 * The world as every web platform gives it (browsers, workers, Deno, Bun): timers and microtasks, no more. `fetch`
 * comes through `until`.
 */
import type { Host, Report } from "../loop/host.ts";
import type { Loop } from "../loop/loop.ts";

/** Timers overflow at 2^31 ms and then fire at once: longer waits are taken in stages of a day. */
const LONGEST = 24 * 60 * 60 * 1000;

class BrowserHost implements Host {
  readonly shuffles = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly channel: InstanceType<typeof MessageChannel> | undefined;
  private loop: Loop | null = null;
  private soon = false;

  constructor() {
    // A message is the only macrotask that browsers do not slow down to 4 ms when it is nested.
    if (typeof MessageChannel !== "function") return;
    this.channel = new MessageChannel();
    this.channel.port1.addEventListener("message", () => this.again());
    this.channel.port1.start();
  }

  now(): number {
    return performance.now();
  }
  wallClock(): number {
    return Date.now();
  }
  kick(loop: Loop): void {
    queueMicrotask(() => loop.drain());
  }
  wakeSoon(loop: Loop): void {
    this.loop = loop;
    if (this.soon) return;
    this.soon = true;
    if (this.channel === undefined) setTimeout(() => this.again(), 0);
    else this.channel.port2.postMessage(null);
  }
  private again(): void {
    this.soon = false;
    this.loop?.drain();
  }
  wakeAt(loop: Loop, at: number): boolean {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (at === Infinity) return false;
    this.timer = setTimeout(() => loop.drain(), Math.min(LONGEST, Math.max(0, Math.ceil(at - performance.now()))));
    return false;
  }
  choose(_stream: string, n: number): number {
    return Math.floor(Math.random() * n);
  }
  another(): Host {
    return new BrowserHost();
  }

  report(report: Report): void {
    const error = report.error === undefined ? [] : [report.error];
    console.error(`rondo: ${report.message}`, ...error);
  }
  attach(_loop: Loop): () => void {
    return () => {
      clearTimeout(this.timer);
      this.timer = undefined;
      // An open port keeps Node, Deno and Bun alive.
      this.channel?.port1.close();
    };
  }
}

/** A host for one loop. */
export function defaultHost(): Host {
  return new BrowserHost();
}
