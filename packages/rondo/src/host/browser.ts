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
  private channel: InstanceType<typeof MessageChannel> | null = null;
  private loop: Loop | null = null;
  private soon = false;

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
    // A message is the only macrotask that browsers do not slow down to 4 ms when it is nested.
    if (typeof MessageChannel === "function") (this.channel ??= this.open()).port2.postMessage(null);
    else setTimeout(() => this.again(), 0);
  }
  private open(): InstanceType<typeof MessageChannel> {
    const channel = new MessageChannel();
    channel.port1.addEventListener("message", () => this.again());
    channel.port1.start();
    return channel;
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
      // An open port keeps Node, Deno and Bun alive. A message that is under way is lost with it.
      this.channel?.port1.close();
      this.channel = null;
      this.soon = false;
    };
  }
}

/** A host for one loop. */
export function defaultHost(): Host {
  return new BrowserHost();
}
